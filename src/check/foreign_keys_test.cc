#include "check/foreign_keys.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "base/test_effort.h"
#include "base/test_folder.h"
#include "check/parent_key.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

using State = ForeignKeyResult::State;

class ForeignKeysTest : public testing::Test {
 protected:
  void run(const std::string& sql) { connection_.execute(sql.c_str()); }
  std::vector<ForeignKeyResult> check(ForeignKeyOptions options = {}) {
    PageSnapshot snapshot(path_, clock_);
    SnapshotPages source(snapshot);
    return check_foreign_keys(source, read_schema_map(snapshot.connection()), options);
  }

  TestFolder folder_;
  SystemClock clock_;
  std::string path_ = folder_.path("app.db");
  Connection connection_{path_, {.mode = OpenMode::kCreate}};
};

TEST_F(ForeignKeysTest, NamesTheRowsThatPointAtNothing) {
  run("CREATE TABLE p(id INTEGER PRIMARY KEY); INSERT INTO p VALUES(1),(2);"
      "CREATE TABLE c(a REFERENCES p); INSERT INTO c VALUES(1),(3),(NULL),(2),(9)");
  const auto results = check();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].orphans, 2U);
  EXPECT_EQ(results[0].rows, (std::vector<std::string>{"2", "5"}));
  EXPECT_FALSE(results[0].child_index);
  const auto findings = foreign_key_findings(results, "app.db");
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].id, "foreign_keys.orphans");
  EXPECT_EQ(findings[0].object, "c(a) -> p");
  EXPECT_EQ(findings[0].remedy, "litewright maintain app.db orphans --table c");
  EXPECT_EQ(findings[1].id, "foreign_keys.no_index");
  EXPECT_EQ(worst_severity(findings), Severity::kCritical);
}

TEST_F(ForeignKeysTest, NamesARowWithoutRowidByItsKey) {
  run("CREATE TABLE p(a TEXT, b, PRIMARY KEY(a, b)) WITHOUT ROWID; INSERT INTO p VALUES('x', 1);"
      "CREATE TABLE c(k TEXT, n, a, b, PRIMARY KEY(n, k), FOREIGN KEY(b, a) REFERENCES p(b, a)) WITHOUT "
      "ROWID;"
      "INSERT INTO c VALUES('it''s', 7, 'x', 2), ('ok', 7, 'x', 1), ('half', 8, NULL, 2)");
  const auto results = check();
  EXPECT_EQ(results[0].orphans, 1U);
  EXPECT_EQ(results[0].rows, (std::vector<std::string>{"(7, 'it''s')"}));
}

TEST_F(ForeignKeysTest, TellsAMismatchFromAMissingTable) {
  run("CREATE TABLE p(a, b UNIQUE, c); CREATE UNIQUE INDEX part ON p(c) WHERE a>0; CREATE VIEW v AS SELECT 1 "
      "AS a;"
      "CREATE TABLE c1(x REFERENCES p(a)); CREATE TABLE c2(x REFERENCES p(c)); CREATE TABLE c3(x REFERENCES "
      "p);"
      "CREATE TABLE c4(x REFERENCES v(a)); CREATE TABLE c5(x REFERENCES gone); CREATE TABLE c6(x REFERENCES "
      "gone);"
      "CREATE TABLE c7(x REFERENCES p(B)); INSERT INTO c6 VALUES(NULL), (1)");
  const auto results = check();
  ASSERT_EQ(results.size(), 7U);
  for (std::size_t i = 0; i < 4; i++) EXPECT_EQ(results[i].state, State::kMismatch) << i;
  EXPECT_TRUE(results[4].parent_missing);
  EXPECT_EQ(results[4].orphans, 0U);
  EXPECT_EQ(results[5].rows, (std::vector<std::string>{"2"}));
  EXPECT_EQ(results[6].state, State::kChecked);
  EXPECT_EQ(foreign_key_findings({results[4]}, "app.db")[0].severity, Severity::kInfo);
}

TEST_F(ForeignKeysTest, SaysWhichIndexOfTheChildCounts) {
  const struct {
    const char* index;
    bool counts;
  } cases[] = {{"CREATE INDEX i ON c(b, a)", true},          {"CREATE INDEX i ON c(a, b, x)", true},
               {"CREATE INDEX i ON c(a, x, b)", false},      {"CREATE INDEX i ON c(a)", false},
               {"CREATE INDEX i ON c(a, b) WHERE x", false}, {"CREATE INDEX i ON c(a, +b)", false}};
  run("CREATE TABLE p(a, b, PRIMARY KEY(a, b)); CREATE TABLE c(a, b, x, FOREIGN KEY(a, b) REFERENCES p)");
  for (const auto& row : cases) {
    run(row.index);
    EXPECT_EQ(check()[0].child_index, row.counts) << row.index;
    run("DROP INDEX i");
  }
}

TEST_F(ForeignKeysTest, LeavesACollationOfTheApplicationsUnchecked) {
  run("CREATE TABLE p(a TEXT PRIMARY KEY); CREATE TABLE c(a REFERENCES p); PRAGMA writable_schema=ON;"
      "UPDATE sqlite_schema SET sql='CREATE TABLE p(a TEXT PRIMARY KEY COLLATE ours)' WHERE name='p'");
  const auto results = check();
  EXPECT_EQ(results[0].state, State::kUnchecked);
  EXPECT_NE(results[0].reason.find("ours"), std::string::npos) << results[0].reason;
}

// 60,000 parents with 1 MiB for their sets: hashes in several passes.
TEST_F(ForeignKeysTest, FindsTheSameInSeveralPasses) {
  run("CREATE TABLE p(k TEXT PRIMARY KEY); CREATE TABLE c(k REFERENCES p, n REFERENCES p);"
      "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<60000)"
      "INSERT INTO p SELECT 'key '||n FROM i;"
      "INSERT INTO c SELECT 'key '||(rowid+3), rowid FROM p WHERE rowid%50=0 OR rowid>59990");
  const auto results = check({.memory_bytes = 1});
  EXPECT_EQ(results[1].orphans, 3U);
  EXPECT_EQ(results[0].orphans, connection_.query_integer("SELECT count(*) FROM c"));
}

// Random schemas and rows against PRAGMA foreign_key_check.
class RandomKeys {
 public:
  explicit RandomKeys(std::uint64_t seed) : random_(seed) {}

  std::string schema() {
    std::string sql;
    if (chance(5)) sql += "PRAGMA encoding='UTF-16le';";
    if (chance(3)) sql += "PRAGMA page_size=512;";
    const int tables = pick(2, 5);
    for (int i = 0; i < tables; i++) sql += table(i, tables);
    return sql;
  }

  // Statements of which some may fail: text into a rowid.
  std::vector<std::string> rows() {
    std::vector<std::string> inserts{"BEGIN"};
    for (const auto& [name, columns] : columns_) {
      const int count = chance(4) ? pick(100, 400) : pick(0, 30);
      for (int i = 0; i < count; i++) {
        std::string sql = "INSERT OR IGNORE INTO " + name + " VALUES(";
        for (int c = 0; c < columns; c++) sql += (c == 0 ? "" : ",") + value();
        inserts.push_back(sql + ")");
      }
    }
    inserts.emplace_back("COMMIT");
    return inserts;
  }

 private:
  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  bool chance(int one_in) { return pick(1, one_in) == 1; }
  std::string one_of(std::initializer_list<const char*> choices) {
    return *(choices.begin() + pick(0, static_cast<int>(choices.size()) - 1));
  }

  std::string column(const std::string& name) {
    return name + one_of({"", " INTEGER", " TEXT", " REAL", " NUMERIC", " BLOB", " VARCHAR(9)", " STRING"}) +
           one_of({"", "", "", " COLLATE NOCASE", " COLLATE RTRIM"});
  }

  // Columns a, b, c, d: a key of one or two of them, unique keys, foreign keys that fit and some that don't.
  std::string table(int number, int tables) {
    const std::string name = "t" + std::to_string(number);
    const bool without_rowid = chance(4), rowid_alias = !without_rowid && chance(2);
    std::string sql = "CREATE TABLE " + name + "(";
    sql += rowid_alias ? "a INTEGER PRIMARY KEY" : column("a");
    for (const char* other : {"b", "c"}) sql += ", " + column(other);
    sql += chance(6) ? ", d AS (c) STORED" : chance(6) ? ", d AS (c)" : ", " + column("d");
    columns_.emplace_back(name + (sql.find(" AS (") != std::string::npos ? "(a,b,c)" : "(a,b,c,d)"),
                          sql.find(" AS (") != std::string::npos ? 3 : 4);
    if (!rowid_alias && (without_rowid || chance(2))) {
      sql += one_of({", PRIMARY KEY(a)", ", PRIMARY KEY(b, a)", ", PRIMARY KEY(b)"});
    }
    if (chance(2)) sql += one_of({", UNIQUE(b)", ", UNIQUE(c, b)", ", UNIQUE(a)"});
    const int keys = pick(0, 3);
    for (int i = 0; i < keys; i++) sql += foreign_key(tables);
    sql += without_rowid ? ") WITHOUT ROWID;" : ");";
    if (chance(3))
      sql += "CREATE UNIQUE INDEX u" + name + " ON " + name +
             one_of({"(b DESC)", "(c, b)", "(b COLLATE NOCASE)"}) + ";";
    if (chance(3)) sql += "CREATE INDEX i" + name + " ON " + name + one_of({"(c)", "(d, c)"}) + ";";
    return sql;
  }

  std::string foreign_key(int tables) {
    const std::string parent = chance(12) ? "gone" : "t" + std::to_string(pick(0, tables - 1));
    if (chance(3)) {
      return ", FOREIGN KEY(" + one_of({"c, d", "d, c", "b, c"}) + ") REFERENCES " + parent +
             one_of({"", "(b, a)", "(c, b)", "(a, b)"}) + " DEFERRABLE INITIALLY DEFERRED";
    }
    return ", FOREIGN KEY(" + one_of({"c", "d", "b"}) + ") REFERENCES " + parent +
           one_of({"", "(a)", "(a)", "(b)"}) + one_of({"", " ON DELETE CASCADE", " MATCH FULL"});
  }

  std::string value() {
    const std::string n = std::to_string(pick(-3, 40));
    switch (pick(0, 13)) {
      case 0:
        return "NULL";
      case 1:
        return "'" + n + "'";
      case 2:
        return n + ".0";
      case 3:
        return n + ".5";
      case 4:
        return "'" + n + ".0'";
      case 5:
        return "x'" + one_of({"", "41", "3132", "00"}) + "'";
      case 6:
        return one_of({"'a'", "'A'", "'a '", "'A  '", "'aB'", "''", "' '", "'é'", "'É'", "'a'||char(0)||'b'",
                       "'a'||char(0)||'C'"});
      case 7:
        return one_of({"'1e1'", "'0x1'", "'+5'", "' 5'", "'5 '", "'-0'", "'007'", "'1_0'", "'.5'", "'-'",
                       "'9223372036854775807'"});
      case 8:
        return one_of({"9223372036854775807", "-9223372036854775808", "9007199254740993",
                       "9007199254740992.0", "1e300", "9e999", "-0.0", "0.1"});
      case 9:
        return "'SKU-" + n + "'||hex(zeroblob(" + std::to_string(chance(8) ? pick(100, 3000) : 2) + "))";
      default:
        return n;
    }
  }

  std::mt19937_64 random_;
  std::vector<std::pair<std::string, int>> columns_;
};

struct Verdict {
  std::uint64_t orphans = 0;
  std::multiset<std::string> rows;
};
using Verdicts = std::map<std::string, Verdict>;  // by "table key"

std::string text_of(const Verdicts& verdicts) {
  std::string text;
  for (const auto& [key, verdict] : verdicts) {
    text += key + " (" + std::to_string(verdict.orphans) + "):";
    for (const std::string& row : verdict.rows) text += " " + row;
    text += "\n";
  }
  return text;
}

// One table at a time: a mismatch ends the PRAGMA. Nothing where it fails.
std::optional<Verdicts> pragma_verdicts(Connection& connection, const std::string& table) {
  Verdicts verdicts;
  try {
    Statement row = connection.prepare("PRAGMA foreign_key_check(" + quoted_name(table) + ")");
    while (row.step()) {
      Verdict& verdict = verdicts[table + " " + row.text(3)];
      verdict.orphans++;
      if (!row.is_null(1)) verdict.rows.insert(row.text(1));
    }
  } catch (const Error&) {
    return std::nullopt;
  }
  return verdicts;
}

struct Tally {
  std::uint64_t keys = 0, orphans = 0, mismatches = 0;
};

void expect_same_verdicts(Connection& connection, const SchemaMap& map,
                          const std::vector<ForeignKeyResult>& results, Tally& tally) {
  for (const SchemaTable& table : map.tables) {
    Verdicts ours;
    bool mismatch = false;
    for (const ForeignKeyResult& result : results) {
      if (result.table != table.name) continue;
      ASSERT_NE(result.state, State::kUnchecked) << result.reason;
      mismatch |= result.state == State::kMismatch;
      tally.keys++;
      tally.orphans += result.orphans > 0 ? 1 : 0;
      tally.mismatches += result.state == State::kMismatch ? 1 : 0;
      if (result.orphans == 0) continue;
      Verdict& verdict = ours[table.name + " " + std::to_string(result.id)];
      verdict.orphans = result.orphans;
      if (!table.without_rowid) verdict.rows.insert(result.rows.begin(), result.rows.end());
    }
    const auto theirs = pragma_verdicts(connection, table.name);
    EXPECT_EQ(mismatch, !theirs) << table.sql;
    if (!theirs) continue;
    EXPECT_EQ(text_of(ours), text_of(*theirs)) << table.sql;
  }
}

TEST(ForeignKeysAtRandom, GiveTheVerdictsOfThePragma) {
  const char* given = std::getenv("LITEWRIGHT_SEED");
  const std::uint64_t first = given != nullptr ? std::stoull(given) : 1;
  const char* many = std::getenv("LITEWRIGHT_SCHEMAS");
  const std::uint64_t count = many != nullptr ? std::stoull(many) : rounds({.brief = 100, .full = 3000});
  Tally tally;
  for (std::uint64_t seed = first; seed < first + count && !testing::Test::HasFailure(); seed++) {
    SCOPED_TRACE("LITEWRIGHT_SEED=" + std::to_string(seed));
    TestFolder folder;
    RandomKeys random(seed);
    Connection connection(folder.path("app.db"), {.mode = OpenMode::kCreate});
    connection.execute("PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY");
    connection.execute(random.schema().c_str());
    for (const std::string& sql : random.rows()) connection.try_execute(sql.c_str());
    const SystemClock clock;
    PageSnapshot snapshot(folder.path("app.db"), clock);
    SnapshotPages source(snapshot);
    const SchemaMap map = read_schema_map(snapshot.connection());
    ForeignKeyOptions options{.threads = static_cast<unsigned>(1 + seed % 3), .rows_named = 1000};
    expect_same_verdicts(snapshot.connection(), map, check_foreign_keys(source, map, options), tally);
  }
  if (given == nullptr && many == nullptr) {
    EXPECT_GT(tally.keys, 2 * count);
    EXPECT_GT(tally.orphans, count * 2 / 3);
    EXPECT_GT(tally.mismatches, count / 6);
  }
  RecordProperty("keys", static_cast<int>(tally.keys));
}

}  // namespace
}  // namespace litewright
