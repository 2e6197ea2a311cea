#include "sqlite/connection.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>

#include "base/file_descriptor.h"
#include "base/test_folder.h"
#include "base/thrown_error_test.h"
#include "sqlite/shell_process.h"

namespace litewright {
namespace {

TEST(Connection, SaysWhatIsWrongWithTheFileByName) {
  const TestFolder folder;
  const std::string text = folder.path("notes.txt");
  std::ofstream(text) << std::string(5000, 'x');
  try {
    Connection(folder.path("missing.db"), {});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNoDatabase);
    EXPECT_NE(std::string(error.what()).find("missing.db"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path("missing.db")));
  Connection not_a_database(text, {});
  EXPECT_EQ(code_of([&] { not_a_database.query_integer("PRAGMA schema_version"); }), ErrorCode::kDamaged);
}

TEST(Connection, MakesAFileOnlyWhenAskedTo) {
  const TestFolder folder;
  Connection connection(folder.path("new.db"), {.mode = OpenMode::kCreate});
  connection.execute("CREATE TABLE t(x)");
  EXPECT_TRUE(std::filesystem::exists(folder.path("new.db")));
}

TEST(Connection, AReadOnlyOneRefusesToWrite) {
  const TestFolder folder;
  {
    Connection(folder.path("a.db"), {.mode = OpenMode::kCreate}).execute("CREATE TABLE t(x)");
  }
  Connection reader(folder.path("a.db"), {.mode = OpenMode::kReadOnly});
  EXPECT_EQ(code_of([&] { reader.execute("INSERT INTO t VALUES(1)"); }), ErrorCode::kPermission);
}

// A writer's own journal is none of a crash: he is waited for as ever.
TEST(Connection, RefusesADatabaseWhoseJournalACrashLeft) {
  const TestFolder folder;
  const std::string path = folder.path("a.db");
  ShellProcess application(path);
  application.run(
      "CREATE TABLE t(x); INSERT INTO t VALUES(randomblob(200000)); PRAGMA journal_mode=PERSIST;");
  application.run("BEGIN IMMEDIATE; INSERT INTO t VALUES(1);");
  EXPECT_EQ(Connection(path, {}).query_integer("SELECT count(*) FROM t"), 1);
  application.run("COMMIT;");  // leaves a zeroed journal
  EXPECT_EQ(Connection(path, {}).query_integer("SELECT count(*) FROM t"), 2);
  application.run("PRAGMA cache_size=5; BEGIN; UPDATE t SET x=randomblob(200000);");
  EXPECT_NO_THROW(Connection(path, {.busy_timeout = std::chrono::milliseconds(0)}));
  application.kill();
  const std::string before = read_whole_file(path, 1 << 20);
  for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite, OpenMode::kCreate}) {
    EXPECT_EQ(code_of([&] { Connection(path, {.mode = mode}); }), ErrorCode::kLocked);
  }
  EXPECT_TRUE(read_whole_file(path, 1 << 20) == before);
  Connection own(path, {.hot_journal = HotJournal::kLeaveToCaller});
  EXPECT_EQ(own.query_integer("SELECT count(*) FROM t"), 2);
}

TEST(Connection, AnImmutableOneLeavesNoTraceBesideTheFile) {
  const TestFolder folder;
  const std::string name = folder.path("100% of #1?.db");
  {
    Connection writer(name, {.mode = OpenMode::kCreate});
    writer.execute("PRAGMA journal_mode=WAL");
    writer.execute("CREATE TABLE t(x); INSERT INTO t VALUES(7)");
  }
  Connection reader(name, {.mode = OpenMode::kImmutable});
  EXPECT_EQ(reader.query_integer("SELECT x FROM t"), 7);
  EXPECT_FALSE(std::filesystem::exists(name + "-shm"));
  EXPECT_FALSE(std::filesystem::exists(name + "-wal"));
}

TEST(Connection, ABusyDatabaseIsLockedAfterTheTimeoutOnly) {
  const TestFolder folder;
  ShellProcess application(folder.path("a.db"));
  application.run("CREATE TABLE t(x); BEGIN IMMEDIATE;");
  Connection connection(folder.path("a.db"), {.busy_timeout = std::chrono::milliseconds(50)});
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of([&] { connection.execute("BEGIN IMMEDIATE"); }), ErrorCode::kLocked);
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(40));
  EXPECT_EQ(connection.try_execute("BEGIN IMMEDIATE"), SQLITE_BUSY);
  application.run("COMMIT;");
  EXPECT_EQ(connection.try_execute("BEGIN IMMEDIATE"), SQLITE_OK);
}

TEST(Connection, TheBusyHandlerIsAskedWithAGrowingCountUntilItGivesUp) {
  const TestFolder folder;
  ShellProcess application(folder.path("a.db"));
  application.run("CREATE TABLE t(x); BEGIN IMMEDIATE;");
  Connection connection(folder.path("a.db"), {});
  std::vector<int> asked;
  connection.set_busy_handler([&](int tries) {
    asked.push_back(tries);
    return tries < 3;
  });
  EXPECT_EQ(connection.try_execute("BEGIN IMMEDIATE"), SQLITE_BUSY);
  EXPECT_EQ(asked, (std::vector<int>{0, 1, 2, 3}));
}

TEST(Statement, TakesValuesAndGivesRowsBack) {
  Connection connection(":memory:", {.mode = OpenMode::kCreate});
  connection.execute("CREATE TABLE t(a, b)");
  Statement insert = connection.prepare("INSERT INTO t VALUES(?1, ?2)");
  for (std::int64_t i = 1; i <= 3; i++) {
    insert.bind(1, i * 10'000'000'000);
    insert.bind(2, std::string_view("a\0b", 3));
    EXPECT_FALSE(insert.step());
    insert.reset();
  }
  Statement rows = connection.prepare("SELECT a, b, NULL, 0.5 FROM t ORDER BY a DESC");
  ASSERT_TRUE(rows.step());
  EXPECT_EQ(rows.column_count(), 4);
  EXPECT_EQ(rows.integer(0), 30'000'000'000);
  EXPECT_EQ(rows.text(1), std::string("a\0b", 3));
  EXPECT_TRUE(rows.is_null(2));
  EXPECT_EQ(rows.text(2), "");
  EXPECT_EQ(rows.real(3), 0.5);
  Statement moved = std::move(rows);
  EXPECT_TRUE(moved.step());
  EXPECT_TRUE(moved.step());
  EXPECT_FALSE(moved.step());
}

TEST(Statement, NamesTheStatementThatIsWrong) {
  Connection connection(":memory:", {.mode = OpenMode::kCreate});
  try {
    connection.prepare("SELECT nothing FROM nowhere");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("nowhere"), std::string::npos);
  }
}

TEST(Connection, AQueryWithoutARowOrWithNullGivesNothing) {
  Connection connection(":memory:", {.mode = OpenMode::kCreate});
  EXPECT_EQ(connection.query_integer("SELECT 1 WHERE 0"), std::nullopt);
  EXPECT_EQ(connection.query_integer("SELECT NULL"), std::nullopt);
  EXPECT_EQ(connection.query_text("SELECT 1 WHERE 0"), "");
}

TEST(Transaction, IsRolledBackUnlessCommitted) {
  Connection connection(":memory:", {.mode = OpenMode::kCreate});
  connection.execute("CREATE TABLE t(x)");
  {
    const Transaction left(connection, Transaction::Kind::kWrite);
    connection.execute("INSERT INTO t VALUES(1)");
  }
  {
    Transaction kept(connection, Transaction::Kind::kWrite);
    connection.execute("INSERT INTO t VALUES(2)");
    kept.commit();
  }
  EXPECT_EQ(connection.query_text("SELECT group_concat(x) FROM t"), "2");
}

TEST(SqliteError, ResultCodesBecomeExitCodes) {
  const std::pair<int, ErrorCode> table[] = {
      {SQLITE_BUSY_SNAPSHOT, ErrorCode::kLocked},
      {SQLITE_LOCKED, ErrorCode::kLocked},
      {SQLITE_CORRUPT_INDEX, ErrorCode::kDamaged},
      {SQLITE_NOTADB, ErrorCode::kDamaged},
      {SQLITE_CANTOPEN, ErrorCode::kNoDatabase},
      {SQLITE_READONLY_DBMOVED, ErrorCode::kPermission},
      {SQLITE_FULL, ErrorCode::kIo},
      {SQLITE_IOERR_FSYNC, ErrorCode::kIo},
      {SQLITE_MISUSE, ErrorCode::kInternal},
  };
  for (const auto& [rc, code] : table) EXPECT_EQ(sqlite_error(rc, "x").code(), code) << rc;
}

}  // namespace
}  // namespace litewright
