#include "sqlite/sql_script.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/test_folder.h"

namespace litewright {
namespace {

const ConnectionOptions kCreate{.mode = OpenMode::kCreate};

std::uint64_t run(Connection& connection, const std::string& text, std::size_t piece) {
  SqlScript script(connection);
  for (std::size_t at = 0; at < text.size(); at += piece)
    script.feed(std::string_view(text).substr(at, piece));
  script.finish();
  return script.statements();
}

TEST(SqlScript, ends_a_statement_where_SQLite_does_whatever_the_pieces) {
  const struct {
    const char* text;
    std::uint64_t statements;
    const char* last;  // max(a)
  } kCases[] = {
      {"INSERT INTO t VALUES('a;b');", 1, "a;b"},
      {"INSERT INTO t VALUES('it''s;');", 1, "it's;"},
      {"INSERT INTO t VALUES(1); INSERT INTO t VALUES(2)", 2, "2"},
      {"INSERT INTO t -- a comment; with a semicolon and a quote '\n VALUES('x');", 1, "x"},
      {"INSERT INTO t /* ; ' */ VALUES('x'); -- the end", 1, "x"},
      {"INSERT INTO t VALUES(5-- ;\n-1);", 1, "4"},
      {"INSERT INTO t VALUES(8/2);", 1, "4"},
      {"INSERT INTO t SELECT 1 AS \"a;b\"; INSERT INTO t SELECT 3 AS [a;'b]; INSERT INTO t SELECT 2 AS `;`;",
       3, "3"},
      {"CREATE TRIGGER r AFTER DELETE ON t BEGIN INSERT INTO t VALUES(1); SELECT CASE 1 WHEN 1 THEN 2 END; "
       "END; "
       "INSERT INTO t VALUES(7);",
       2, "7"},
      {"/* x */ create temp  trigger r AFTER DELETE ON t BEGIN INSERT INTO t VALUES(1); END; INSERT INTO t "
       "VALUES(7);",
       2, "7"},
      {"BEGIN; INSERT INTO t VALUES(9); COMMIT;", 3, "9"},
      {"INSERT INTO t VALUES('/*;');", 1, "/*;"},
      {"INSERT INTO t VALUES(1) /* a * / ; **/;", 1, "1"},
  };
  for (const auto& one : kCases) {
    for (const std::size_t piece : {1u, 2u, 3u, 1000u}) {
      Connection connection(":memory:", kCreate);
      connection.execute("CREATE TABLE t(a)");
      EXPECT_EQ(run(connection, one.text, piece), one.statements) << one.text << " by " << piece;
      EXPECT_EQ(connection.query_text("SELECT max(a) FROM t"), one.last) << one.text << " by " << piece;
    }
  }
}

TEST(SqlScript, that_is_cut_short_or_wrong_is_damage_and_names_its_line) {
  const struct {
    const char *text, *part;
  } kCases[] = {{"SELECT 1;\nSELECT 'x", "line 1: it ends within"},
                {"SELECT 1;\n\nnonsense;", "line 1: near \"nonsense\""},
                {"SELECT 1;\nCREATE TABLE a(b) /* x", "ends within"},
                {"BEGIN;\nCREATE TABLE a(b);\n", "before its COMMIT"},
                {"BEGIN; CREATE TABLE a(b); ROLLBACK; -- due to errors", "ROLLBACK"},
                {"CREATE TABLE a(b", "incomplete"},
                {"CREATE TABLE a(b UNIQUE); INSERT INTO a VALUES(1),(1);", "UNIQUE"}};
  for (const auto& one : kCases) {
    Connection connection(":memory:", kCreate);
    try {
      run(connection, one.text, 4);
      ADD_FAILURE() << one.text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kDamaged) << one.text;
      EXPECT_NE(std::string(error.what()).find(one.part), std::string::npos) << error.what();
    }
  }
}

TEST(SqlScript, says_what_is_wrong_in_one_short_readable_line) {
  Connection connection(":memory:", kCreate);
  try {
    run(connection,
        "SELECT \xc6\xff\x01" + std::string(5000, 'x') + "\n" + std::string(5000, '\xc6') + " FROM t;", 1000);
    ADD_FAILURE();
  } catch (const Error& error) {
    const std::string_view message = error.what();
    EXPECT_LT(message.size(), 300u);
    for (const char c : message) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << static_cast<int>(c);
  }
}

TEST(SqlScript, reaches_no_other_file) {
  const TestFolder folder;
  for (const std::string& text :
       {"ATTACH '" + folder.path("x.db") + "' AS x;", "VACUUM INTO '" + folder.path("x.db") + "';",
        std::string("SELECT load_extension('x');"), std::string("DETACH main;")}) {
    Connection connection(":memory:", kCreate);
    EXPECT_THROW(run(connection, text, 100), Error) << text;
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path("x.db")));
}

TEST(SqlScript, sets_only_pragmas_that_are_part_of_a_database) {
  const TestFolder folder;
  Connection connection(folder.path("x.db"), kCreate);
  run(connection,
      "PRAGMA user_version=5; PRAGMA cache_size=12345; PRAGMA journal_mode=WAL; CREATE TABLE t(a);", 100);
  EXPECT_EQ(connection.query_integer("PRAGMA user_version"), 5);
  EXPECT_NE(connection.query_integer("PRAGMA cache_size"), 12345);
  EXPECT_EQ(connection.query_text("PRAGMA journal_mode"), "delete");
}

}  // namespace
}  // namespace litewright
