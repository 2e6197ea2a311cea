#include "archive/sql_dump.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/test_folder.h"
#include "sqlite/sql_script.h"

namespace litewright {
namespace {

const ConnectionOptions kCreate{.mode = OpenMode::kCreate};

std::string dump(Connection& connection, const SqlDumpOptions& options = {}, ContentHash* hash = nullptr) {
  std::string text;
  const ContentHash given = dump_sql(connection, options, [&](std::string_view piece) { text += piece; });
  if (hash != nullptr) *hash = given;
  return text;
}

ContentHash load(Connection& connection, std::string_view text) {
  SqlScript(connection).finish();
  {
    SqlScript script(connection);
    script.feed(text);
    script.finish();
  }
  return hash_content(connection);
}

double evaluate(Connection& connection, const std::string& expression) {
  Statement statement = connection.prepare("SELECT " + expression);
  statement.step();
  return statement.real(0);
}

std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }

// Random bits: subnormals, huge and tiny ones included, and every power of two.
TEST(SqlDump, any_real_is_an_expression_of_the_same_bits) {
  Connection connection(":memory:", kCreate);
  const auto reads_back = [&](const std::string& text) {
    return evaluate(connection, "CAST('" + text + "' AS REAL)");
  };
  const auto never = [](const std::string&) { return std::numeric_limits<double>::quiet_NaN(); };
  const auto holds = [&](double value) {
    return bits(evaluate(connection, real_literal(value, reads_back))) == bits(value) &&
           bits(evaluate(connection, real_literal(value, never))) == bits(value);
  };
  EXPECT_TRUE(rc::check([&] {
    const double value = std::bit_cast<double>(*rc::gen::arbitrary<std::uint64_t>() ^
                                               *rc::gen::arbitrary<std::uint64_t>() << 32);
    if (!std::isnan(value)) RC_ASSERT(holds(value));
  }));
  for (int exponent = -1074; exponent < 1024; exponent++) {
    EXPECT_TRUE(holds(std::ldexp(1.0, exponent))) << exponent;
    EXPECT_TRUE(holds(-std::ldexp(0x1.fffffffffffffp0, exponent))) << exponent;
  }
  for (const double value :
       {0.0, -0.0, 0.1, -0.1, 1e22, 1e23, 9007199254740993.0, 123456789.123456789, 5e-324,
        std::numeric_limits<double>::max(), std::numeric_limits<double>::infinity(),
        -std::numeric_limits<double>::infinity()}) {
    EXPECT_TRUE(holds(value)) << value;
  }
}

// A value as SQL that makes exactly those bytes, however odd.
std::string any_value() {
  const auto odd = rc::gen::map(rc::gen::elementOf(std::string("'\";-/*\n[]`\0", 11)),
                                [](char c) { return static_cast<std::uint8_t>(c); });
  const auto bytes =
      *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::oneOf(rc::gen::arbitrary<std::uint8_t>(), odd));
  std::string hex;
  for (const std::uint8_t byte : bytes)
    hex += "0123456789abcdef"[byte >> 4], hex += "0123456789abcdef"[byte & 15];
  switch (*rc::gen::inRange(0, 6)) {
    case 0:
      return "NULL";
    case 1:
      return std::to_string(*rc::gen::arbitrary<std::int64_t>());
    case 2:
      return real_literal(static_cast<double>(*rc::gen::arbitrary<std::int64_t>()) / 977.0,
                          [](const std::string&) { return 0.0; });
    case 3:
      return "x'" + hex + "'";
    default:
      return "CAST(x'" + hex + "' AS TEXT)";
  }
}

const char* const kTables[] = {
    "CREATE TABLE {}(a, b TEXT, c INTEGER, d REAL, e BLOB, f NUMERIC)",
    "CREATE TABLE {}(a INTEGER PRIMARY KEY AUTOINCREMENT, b, c, d, e, f)",
    "CREATE TABLE {}(a, b, c, d, e, f, id INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(a, b, c)) ",
    "CREATE TABLE {}(a, b, c, d, e, f, g AS (a || 'x'), UNIQUE(f, a) ON CONFLICT IGNORE)"};

TEST(SqlDump, any_database_comes_back_with_the_same_content_and_the_same_dump) {
  EXPECT_TRUE(rc::check([] {
    Connection source(":memory:", kCreate);
    source.execute(
        ("PRAGMA encoding='" + *rc::gen::element<std::string>("UTF-8", "UTF-16le", "UTF-16be") + "'")
            .c_str());
    for (int table = 0; table < 3; table++) {
      const std::string name =
          quoted_name(*rc::gen::element<std::string>("t", "a'b", "a\"b", "a;b", "--", "select", "ü") +
                      std::to_string(table));
      std::string sql = *rc::gen::elementOf(std::vector<std::string>(std::begin(kTables), std::end(kTables)));
      sql.replace(sql.find("{}"), 2, name);
      source.execute(sql.c_str());
      const int rows = *rc::gen::inRange(0, 12);
      for (int row = 0; row < rows; row++) {
        std::string values = sql.find("AUTOINCREMENT") != std::string::npos ? "NULL" : any_value();
        for (int i = 0; i < 5; i++) values += "," + any_value();
        source.try_execute(
            ("INSERT OR IGNORE INTO " + name + "(a,b,c,d,e,f) VALUES(" + values + ")").c_str());
      }
      source.try_execute(("DELETE FROM " + name + " WHERE rowid % 3 = 1").c_str());
      if (*rc::gen::arbitrary<bool>())
        source.execute(
            ("CREATE INDEX \"i;" + std::to_string(table) + "\" ON " + name + "(f, e, d, c, b, a)").c_str());
    }
    ContentHash said;
    const std::string text = dump(source, {}, &said);
    RC_ASSERT(said.hash == hash_content(source).hash);
    Connection target(":memory:", kCreate);
    const ContentHash loaded = load(target, text);
    RC_ASSERT(loaded.rows == said.rows);
    RC_ASSERT(loaded.hash == said.hash);
    RC_ASSERT(dump(target) == text);
  }));
}

TEST(ContentHash, sees_a_change_of_value_type_rowid_schema_and_number) {
  const char* const kBase = "CREATE TABLE t(a); INSERT INTO t VALUES(1);";
  const auto hash_of = [](const std::string& sql) {
    Connection connection(":memory:", kCreate);
    connection.execute(sql.c_str());
    return hash_content(connection).hash;
  };
  const std::uint64_t base = hash_of(kBase);
  EXPECT_EQ(hash_of(std::string(kBase) + "VACUUM"), base);
  for (const char* change :
       {"UPDATE t SET a='1'", "UPDATE t SET a=1.0", "UPDATE t SET a=NULL", "UPDATE t SET a=x'31'",
        "UPDATE t SET rowid=2", "DELETE FROM t", "CREATE INDEX i ON t(a)", "ALTER TABLE t RENAME TO u",
        "PRAGMA user_version=1", "PRAGMA application_id=1", "INSERT INTO t VALUES(1)",
        "CREATE VIEW v AS SELECT 1"}) {
    EXPECT_NE(hash_of(std::string(kBase) + change), base) << change;
  }
}

TEST(SqlDump, of_some_tables_has_what_belongs_to_them) {
  Connection connection(":memory:", kCreate);
  connection.execute(
      "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE u(id INTEGER PRIMARY KEY "
      "AUTOINCREMENT);"
      "INSERT INTO t DEFAULT VALUES; INSERT INTO u DEFAULT VALUES; INSERT INTO u DEFAULT VALUES;"
      "CREATE INDEX ti ON t(id); CREATE INDEX ui ON u(id); CREATE VIEW v AS SELECT * FROM t;"
      "CREATE TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM u; END;");
  ContentHash said;
  const std::string text = dump(connection, {.tables = {"t"}}, &said);
  for (const char* there : {"CREATE TABLE t", "INDEX ti", "TRIGGER tr", "('t',1)"})
    EXPECT_NE(text.find(there), std::string::npos) << there;
  for (const char* absent : {"TABLE u", "INDEX ui", "VIEW", "('u',2)"})
    EXPECT_EQ(text.find(absent), std::string::npos) << absent;
  Connection target(":memory:", kCreate);
  EXPECT_EQ(load(target, text).hash, said.hash);
  EXPECT_THROW(dump(connection, {.tables = {"nothing"}}), Error);
}

TEST(SqlDump, carries_a_sequence_whose_tables_are_gone) {
  Connection connection(":memory:", kCreate);
  connection.execute(
      "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE plain(a);"
      "INSERT INTO sqlite_sequence VALUES('elsewhere', 5); DROP TABLE t;");
  Connection target(":memory:", kCreate);
  EXPECT_EQ(load(target, dump(connection)).hash, hash_content(connection).hash);
}

TEST(SqlDump, says_the_journal_mode_in_its_first_line) {
  Connection connection(":memory:", kCreate);
  EXPECT_TRUE(dump_says_wal(dump(connection, {.journal_mode = "wal"})));
  EXPECT_FALSE(dump_says_wal(dump(connection, {.journal_mode = "delete"})));
  EXPECT_FALSE(dump_says_wal("PRAGMA foreign_keys=OFF;"));
}

}  // namespace
}  // namespace litewright
