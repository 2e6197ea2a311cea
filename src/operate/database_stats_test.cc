#include "operate/database_stats.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/test_folder.h"
#include "sqlite/connection.h"
#include "sqlite/shell_process.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;

TEST(DatabaseStats, TellsTheSizesOfALiveDatabaseAndItsWal) {
  const TestFolder folder;
  const std::string path = folder.path("app.db");
  ShellProcess application(path);
  application.run(
      "PRAGMA page_size=1024; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA "
      "wal_autocheckpoint=0; CREATE TABLE t(x UNIQUE, y); CREATE TABLE u(x); CREATE INDEX i ON t(y);");
  application.run("INSERT INTO u VALUES(zeroblob(100000)); DELETE FROM u;");
  const DatabaseStats stats = read_database_stats(path, milliseconds(0));
  EXPECT_EQ(stats.journal_mode, "wal");
  EXPECT_EQ(stats.page_size, 1024u);
  EXPECT_EQ(std::to_string(stats.pages), application.run("PRAGMA page_count;"));
  EXPECT_EQ(std::to_string(stats.free_pages), application.run("PRAGMA freelist_count;"));
  EXPECT_GT(stats.free_pages, 90u);
  EXPECT_EQ(stats.auto_vacuum, 2);
  EXPECT_EQ(stats.encoding, "UTF-8");
  EXPECT_EQ(stats.tables, 2u);
  EXPECT_EQ(stats.indexes, 2u);
  EXPECT_EQ(stats.last_writer, sqlite_library_version());
  EXPECT_TRUE(stats.schema_readable);
  ASSERT_TRUE(stats.wal);
  EXPECT_GT(stats.wal->frames, 100u);
  EXPECT_EQ(stats.wal->backfilled, 0u);
  EXPECT_EQ(stats.wal->bytes, std::filesystem::file_size(path + "-wal"));
  application.run("PRAGMA wal_checkpoint(PASSIVE);");
  const DatabaseStats after = read_database_stats(path, milliseconds(0));
  EXPECT_EQ(after.wal->backfilled, after.wal->frames);
  EXPECT_EQ(after.file_bytes, std::filesystem::file_size(path));
}

TEST(DatabaseStats, CountsTheCommitsOfTheTimeItWatches) {
  const TestFolder folder;
  const std::string path = folder.path("app.db");
  ShellProcess application(path);
  application.run("PRAGMA journal_mode=WAL; CREATE TABLE t(x);");
  EXPECT_EQ(read_database_stats(path, milliseconds(50)).wal->commits_per_second, 0.0);
  ChildProcess writer({"python3", "-c",
                       "import sqlite3,sys,time\n"
                       "c=sqlite3.connect(sys.argv[1],timeout=30,isolation_level=None)\n"
                       "print('writing',flush=True)\n"
                       "while True: c.execute('INSERT INTO t VALUES(1)'); time.sleep(0.01)\n",
                       path});
  writer.read_line();
  const double rate = read_database_stats(path, milliseconds(1500)).wal->commits_per_second;
  EXPECT_GT(rate, 5);
  EXPECT_LT(rate, 101);
}

TEST(DatabaseStats, LeavesADatabaseInRollbackModeWithoutCompanions) {
  const TestFolder folder;
  const std::string path = folder.path("app.db");
  {
    Connection(path, {.mode = OpenMode::kCreate}).execute("CREATE TABLE t(x)");
  }
  const DatabaseStats stats = read_database_stats(path, milliseconds(0));
  EXPECT_EQ(stats.journal_mode, "delete");
  EXPECT_FALSE(stats.wal);
  EXPECT_EQ(stats.file_bytes, std::filesystem::file_size(path));
  EXPECT_EQ(stats.tables, 1u);
  EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
  EXPECT_FALSE(std::filesystem::exists(path + "-shm"));
}

TEST(DatabaseStats, ASchemaThatThisSqliteCannotParseIsSaid) {
  const TestFolder folder;
  const std::string path = folder.path("app.db");
  {
    Connection writer(path, {.mode = OpenMode::kCreate});
    writer.execute("PRAGMA journal_mode=WAL; CREATE TABLE t(x); CREATE VIEW v AS SELECT 1;");
    writer.execute(
        "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql='CREATE VIEW v AS SELECT FROM WHERE' WHERE "
        "name='v'; PRAGMA writable_schema=OFF;");
  }
  const DatabaseStats stats = read_database_stats(path, milliseconds(0));
  EXPECT_FALSE(stats.schema_readable);
  EXPECT_EQ(stats.pages, 2u);
  EXPECT_EQ(stats.journal_mode, "wal");
  EXPECT_EQ(stats.tables, 1u);
}

TEST(DatabaseStats, AFileThatIsNotThereIsSaid) {
  const TestFolder folder;
  try {
    read_database_stats(folder.path("none.db"), milliseconds(0));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNoDatabase);
  }
}

}  // namespace
}  // namespace litewright
