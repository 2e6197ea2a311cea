#include "maintain/row_archive.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "base/thrown_error_test.h"
#include "base/time_text.h"
#include "maintain/csv_row_store.h"
#include "maintain/database_row_store.h"
#include "maintain/row_text.h"
#include "maintain/row_time.h"

namespace litewright {
namespace {

// 100 rows of 2026-01-01 + n hours; of children one for each tenth row.
class RowArchiveTest : public testing::Test {
 protected:
  void SetUp() override {
    make_tables();
    table_ = {.table = "t",
              .row_key = {"id"},
              .stored = {"id", "at", "v"},
              .references = {{.from = "main.d AS d", .on = "d.t = c.id"}}};
  }
  void make_tables() {
    connection_.execute(
        "PRAGMA synchronous=OFF; CREATE TABLE t(id INTEGER PRIMARY KEY, at TEXT, v);"
        "CREATE TABLE d(t INTEGER REFERENCES t(id) ON DELETE CASCADE);"
        "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<100) INSERT INTO t SELECT n, "
        "datetime('2026-01-01', n || ' hours'), CASE n%4 WHEN 0 THEN NULL WHEN 1 THEN x'00ff' WHEN 2 THEN "
        "n/3.0 "
        "ELSE 'it''s, \"' || n END FROM i;"
        "INSERT INTO d SELECT id FROM t WHERE id%10=0");
  }
  // All rows but the last twenty are older.
  RowArchiveRequest request() {
    return {.column = "at",
            .cutoff = parse_time("2026-01-04T09:00:00Z", WallTime{}),
            .same_database_table = "t_archive",
            .time = "2026-11-29T00:00:00Z",
            .batch_rows = 20};
  }
  RowArchiveOutcome archive(const RowArchiveRequest& wanted) {
    return archive_rows(connection_, clock_, table_, wanted);
  }
  std::string text(const std::string& sql) { return connection_.query_text(sql); }
  std::int64_t integer(const std::string& sql) { return connection_.query_integer(sql).value_or(-1); }
  std::unique_ptr<DatabaseRowStore> database_store() {
    return std::make_unique<DatabaseRowStore>(
        DatabaseRowStore::Options{.target = {.file = folder_.path("old.db")},
                                  .table = "t",
                                  .stored = table_.stored,
                                  .source = "app.db:t"},
        clock_);
  }
  std::unique_ptr<CsvRowStore> csv_store() {
    const auto as_it_is = [](std::string_view bytes) { return std::string(bytes); };
    return std::make_unique<CsvRowStore>(CsvRowStore::Options{.target = {.file = folder_.path("old.csv")},
                                                              .stored = table_.stored,
                                                              .source = "app.db:t",
                                                              .pack = as_it_is,
                                                              .unpack = as_it_is},
                                         clock_);
  }

  TestFolder folder_;
  SystemClock clock_;
  Connection connection_{folder_.path("app.db"), {.mode = OpenMode::kCreate}};
  RowTable table_;
};

TEST_F(RowArchiveTest, MovesWhatIsOlderAndLeavesWhatOthersPointAt) {
  const std::string before =
      text("SELECT group_concat(quote(id)||quote(at)||quote(v)) FROM t WHERE id<=80 AND id%10");
  RowArchiveRequest dry = request();
  dry.dry_run = true;
  EXPECT_EQ(archive(dry).found, 80U);
  EXPECT_EQ(integer("SELECT count(*) FROM t"), 100);
  const RowArchiveOutcome outcome = archive(request());
  EXPECT_EQ(outcome.rows, 100U);
  EXPECT_EQ(outcome.found, 80U);
  EXPECT_EQ(outcome.archived, 72U);
  EXPECT_EQ(outcome.pointed_at, 8U);
  EXPECT_EQ(text("SELECT group_concat(quote(id)||quote(at)||quote(v)) FROM t_archive"), before);
  EXPECT_EQ(integer("SELECT count(*) FROM t"), 28);
  EXPECT_EQ(integer("SELECT count(*) FROM d"), 10);  // nothing cascaded
  connection_.execute("DELETE FROM d");
  EXPECT_EQ(archive(request()).archived, 8U);
}

TEST_F(RowArchiveTest, RowsGoAfterThoseThatPointedAtThem) {
  connection_.execute(
      "ALTER TABLE t ADD COLUMN parent REFERENCES t; UPDATE t SET parent=id/2; UPDATE t SET "
      "parent=1 WHERE id=1; DELETE FROM d");
  table_.stored.emplace_back("parent");
  table_.references = {{.from = "main.t AS d", .on = "d.parent = c.id AND NOT (d.id=c.id)"}};
  const RowArchiveOutcome outcome = archive(request());
  // Rows 81 to 100 stay, and so does what they point at, up to the root.
  EXPECT_EQ(integer("SELECT count(*) FROM t"), 20 + 11 + 6 + 3 + 2 + 2 + 1);
  EXPECT_EQ(outcome.archived, 100U - 45U);
  EXPECT_EQ(integer("SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

TEST_F(RowArchiveTest, AStopBetweenBatchesLeavesTheRestForTheNextRun) {
  RowArchiveRequest stopping = request();
  int asked = 0;
  stopping.stop = [&asked] { return ++asked > 2; };
  const RowArchiveOutcome first = archive(stopping);
  EXPECT_TRUE(first.stopped);
  EXPECT_GT(first.archived, 10U);
  EXPECT_EQ(integer("SELECT count(*) FROM t_archive") + integer("SELECT count(*) FROM t"), 100);
  EXPECT_EQ(first.archived + archive(request()).archived, 72U);
}

TEST_F(RowArchiveTest, RefusesAColumnAndATableThatDoNotFit) {
  RowArchiveRequest wrong = request();
  wrong.column = "nowhere";
  EXPECT_EQ(code_of([&] { archive(wrong); }), ErrorCode::kUsage);
  wrong = request();
  wrong.same_database_table = "d";
  EXPECT_EQ(code_of([&] { archive(wrong); }), ErrorCode::kUsage);
  wrong.same_database_table = "T";
  EXPECT_EQ(code_of([&] { archive(wrong); }), ErrorCode::kUsage);
}

// Dies after the copy is durable, before the rows are deleted; or before that is confirmed. From then on it
// does nothing more, as a killed process.
struct DyingStore final : RowStore {
  explicit DyingStore(RowStore& store) : inner(store) {}
  std::optional<Interrupted> interrupted() override { return inner.interrupted(); }
  void take_back() override {
    if (!dead) inner.take_back();
  }
  void confirm() override {
    if (++confirms == 3 && !before_deletion) die();
    inner.confirm();
  }
  void store(const std::string& note, Statement& rows, int first_column) override {
    inner.store(note, rows, first_column);
    if (++stores == 3 && before_deletion) die();
  }
  void die() {
    dead = true;
    throw Error(ErrorCode::kIo, "killed");
  }
  RowStore& inner;
  bool before_deletion = true, dead = false;
  int stores = 0, confirms = 0;
};

TEST_F(RowArchiveTest, InterruptedAnywhereNoRowIsLostAndNoneIsThereTwice) {
  for (const bool csv : {false, true}) {
    for (const bool before_deletion : {true, false}) {
      connection_.execute("DROP TABLE IF EXISTS d; DROP TABLE IF EXISTS t");
      for (const char* name : {"old.db", "old.csv"}) std::filesystem::remove(folder_.path(name));
      make_tables();
      RowArchiveRequest wanted = request();
      {
        std::unique_ptr<RowStore> store;
        if (csv) store = csv_store();
        if (!csv) store = database_store();
        DyingStore dying(*store);
        dying.before_deletion = before_deletion;
        wanted.store = &dying;
        EXPECT_EQ(code_of([&] { archive(wanted); }), ErrorCode::kIo);
      }
      std::unique_ptr<RowStore> store;
      if (csv) store = csv_store();
      if (!csv) store = database_store();
      wanted.store = store.get();
      const RowArchiveOutcome outcome = archive(wanted);
      EXPECT_EQ(outcome.taken_back, before_deletion ? 1U : 0U);
      EXPECT_EQ(integer("SELECT count(*) FROM t"), 28);
      EXPECT_FALSE(store->interrupted());
      store.reset();
      if (csv) {
        const std::string text = read_whole_file(folder_.path("old.csv"), 1 << 20);
        EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 73);
      } else {
        Connection old(folder_.path("old.db"), {});
        EXPECT_EQ(old.query_integer("SELECT count(DISTINCT id)*1000 + count(*) FROM t"), 72072);
      }
    }
  }
}

TEST_F(RowArchiveTest, AFileOfOtherColumnsIsRefused) {
  csv_store();
  table_.stored = {"id", "at"};
  EXPECT_EQ(code_of([&] { csv_store(); }), ErrorCode::kUsage);
  database_store();
  table_.stored = {"id"};
  EXPECT_EQ(code_of([&] { database_store(); }), ErrorCode::kUsage);
}

TEST_F(RowArchiveTest, UnderstandsTimesHoweverApplicationsWriteThem) {
  struct Case {
    const char* value;
    int older;  // than 2026-01-02T00:00:00Z; -1: not understood
  };
  const std::vector<Case> cases = {{"'2026-01-01'", 1},
                                   {"'2026-01-02 00:00:00'", 0},
                                   {"'2026-01-01T23:59:59Z'", 1},
                                   {"'2026-01-02T01:30:00+02:00'", 1},
                                   {"'2026-01-01 23:59:59.900'", 1},
                                   {"1767225600", 1},     // seconds, of 2026-01-01
                                   {"1767312000", 0},     // of 2026-01-02
                                   {"1767225600000", 1},  // milliseconds
                                   {"1767312000000", 0},
                                   {"1767225600000000", 1},     // microseconds
                                   {"1767225600000000000", 1},  // nanoseconds
                                   {"2461041.5", 1},            // Julian day of 2026-01-01
                                   {"2461042.6", 0},
                                   {"1767225600.25", 1},
                                   {"1767312000.0", 0},
                                   {"1767225600000.5", 1},  // milliseconds in a REAL column
                                   {"1767312000000.0", 0},
                                   {"1767225600000000.0", 1},
                                   {"julianday('2026-01-02 00:00:01')", 0},
                                   {"julianday('2026-01-01 23:59:59')", 1},
                                   {"315532800", 1},  // 1980
                                   {"4102444800000", 0},
                                   {"0", -1},
                                   {"1", -1},
                                   {"-1767225600", -1},
                                   {"2025", -1},  // a year
                                   {"2025.0", -1},
                                   {"20250131", -1},  // digits of a date
                                   {"20250131235959", -1},
                                   {"202501312359", -1},
                                   {"45658", -1},  // a spreadsheet's
                                   {"45658.5", -1},
                                   {"123456", -1},  // an id
                                   {"9e999", -1},
                                   {"-9223372036854775807-1", -1},
                                   {"9223372036854775807", -1},
                                   {"NULL", -1},
                                   {"'yesterday'", -1},
                                   {"'now'", -1},
                                   {"'2461041'", -1},
                                   {"x'32303236'", -1}};
  const std::string condition = older_than("at", parse_time("2026-01-02T00:00:00Z", WallTime{}));
  for (const Case& one : cases) {
    const std::string sql = "SELECT ifnull(" + condition + ", -1) FROM (SELECT " + one.value + " AS at) AS c";
    EXPECT_EQ(integer(sql), one.older) << one.value;
  }
}

TEST_F(RowArchiveTest, SaysOfWhichTimesTheRowsAreAndTakesAGeneratedColumn) {
  connection_.execute("ALTER TABLE t ADD COLUMN day AS (substr(at, 1, 10))");
  table_.generated = {"day"};
  RowArchiveRequest wanted = request();
  wanted.column = "day";
  wanted.dry_run = true;
  const RowArchiveOutcome outcome = archive(wanted);
  EXPECT_EQ(outcome.found, 95U);  // all of 2026-01-04 counts as its midnight
  EXPECT_EQ(outcome.oldest, parse_time("2026-01-01T00:00:00Z", WallTime{}));
  EXPECT_EQ(outcome.newest, parse_time("2026-01-04T00:00:00Z", WallTime{}));
  connection_.execute("UPDATE t SET at=-9223372036854775807-1");
  wanted.column = "at";
  const RowArchiveOutcome none = archive(wanted);
  EXPECT_EQ(none.unreadable, 100U);
  EXPECT_FALSE(none.oldest);
}

TEST_F(RowArchiveTest, ATriggerThatDeletesElsewhereIsRefusedUnlessAskedFor) {
  connection_.execute(
      "DELETE FROM d; CREATE TABLE e(t); INSERT INTO e SELECT id FROM t; CREATE TABLE log(x);"
      "CREATE TRIGGER logs AFTER DELETE ON t BEGIN INSERT INTO log VALUES(old.id); END");
  const RowArchiveOutcome logged = archive({.column = "at",
                                            .cutoff = parse_time("2026-01-01T11:00:00Z", WallTime{}),
                                            .same_database_table = "t_archive"});
  EXPECT_EQ(logged.archived, 10U);
  EXPECT_EQ(logged.trigger_changes, 10U);
  connection_.execute("CREATE TRIGGER cascades AFTER DELETE ON t BEGIN DELETE FROM e WHERE t=old.id; END");
  RowArchiveRequest wanted = request();
  for (const bool dry_run : {true, false}) {
    wanted.dry_run = dry_run;
    EXPECT_EQ(code_of([&] { archive(wanted); }), ErrorCode::kUsage);
  }
  EXPECT_EQ(integer("SELECT count(*) FROM e"), 100);
  wanted.run_triggers = true;
  const RowArchiveOutcome outcome = archive(wanted);
  EXPECT_EQ(outcome.archived, 70U);
  EXPECT_EQ(outcome.trigger_changes, 140U);
  EXPECT_EQ(integer("SELECT count(*) FROM e"), 30);
}

TEST_F(RowArchiveTest, FullTextIndexesKeptByTriggersGoAlong) {
  connection_.execute(
      "DELETE FROM d; CREATE VIRTUAL TABLE f USING fts5(at, content=t, content_rowid=id);"
      "CREATE VIRTUAL TABLE own USING fts5(at); INSERT INTO own(rowid, at) SELECT id, at FROM t;"
      "INSERT INTO f(f) VALUES('rebuild');"
      "CREATE TRIGGER fd AFTER DELETE ON t BEGIN INSERT INTO f(f, rowid, at) VALUES('delete', old.id, "
      "old.at); "
      "DELETE FROM own WHERE rowid=old.id; END");
  const RowArchiveOutcome outcome = archive(request());
  EXPECT_EQ(outcome.archived, 80U);
  EXPECT_EQ(outcome.trigger_changes, 0U);
  EXPECT_EQ(integer("SELECT count(*) FROM own"), 20);
  EXPECT_EQ(integer("SELECT count(*) FROM f WHERE f MATCH '\"2026\"'"), 20);
  connection_.execute("INSERT INTO f(f) VALUES('integrity-check')");
}

TEST_F(RowArchiveTest, ALineOfCsvTellsTypesApart) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"NULL, '', 1, -2", ",\"\",1,-2\n"},
      {"1.0, 0.1, 1e300", "1.0,0.1,1e+300\n"},
      {"x'00ff', 'x''00ff'''", "x'00ff',\"x'00ff'\"\n"},
      {"9e999, -9e999, 'inf', '-inf', 'NaN', 'Infinity', 'info'",
       "inf,-inf,\"inf\",\"-inf\",\"NaN\",\"Infinity\",info\n"},
      {"'a,b', 'say \"no\"', 'two\nlines', '12', 'plain'",
       "\"a,b\",\"say \"\"no\"\"\",\"two\nlines\",\"12\",plain\n"}};
  for (const auto& [values, line] : cases) {
    Statement row = connection_.prepare(std::string("SELECT ") + values);
    ASSERT_TRUE(row.step());
    EXPECT_EQ(csv_line(row, 0, TextForm::kUtf8), line);
  }
}

}  // namespace
}  // namespace litewright
