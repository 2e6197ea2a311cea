#include "operate/folded_database.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/test_folder.h"
#include "sqlite/connection.h"
#include "sqlite/shell_process.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

struct Crashed {
  explicit Crashed(const std::string& sql) {
    ShellProcess shell(path);
    shell.run("CREATE TABLE t(x);");
    shell.run(sql);
    shell.kill();
  }
  std::string file(const std::string& suffix) const { return read_whole_file(path + suffix, 100 << 20); }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder.path("")), fs::directory_iterator()));
  }
  TestFolder folder;
  std::string path = folder.path("app.db");
};

std::optional<std::int64_t> rows(const fs::path& file) {
  return Connection(file.string(), {.mode = OpenMode::kImmutable}).query_integer("SELECT count(*) FROM t");
}

TEST(FoldCompanions, TakesInWhatAWalHoldsAndLeavesTheOriginalsAlone) {
  const Crashed crashed("PRAGMA journal_mode=WAL; INSERT INTO t VALUES(1),(2); INSERT INTO t VALUES(3);");
  const std::string database = crashed.file("");
  const std::string wal = crashed.file("-wal");
  ASSERT_EQ(rows(crashed.path), 0);
  const auto folded = fold_companions(crashed.path);
  ASSERT_TRUE(folded);
  EXPECT_EQ(rows(folded->temporary()), 3);
  EXPECT_EQ(crashed.file(""), database);
  EXPECT_EQ(crashed.file("-wal"), wal);
  EXPECT_EQ(crashed.files(), 4u);  // with -shm and the copy; nothing of the copy's own
}

TEST(FoldCompanions, TheWalLaidOverItOnceMoreGivesTheSame) {
  const Crashed crashed("PRAGMA journal_mode=WAL; INSERT INTO t VALUES(1),(2); DELETE FROM t WHERE x=1;");
  const auto folded = fold_companions(crashed.path);
  folded->commit(OnExisting::kReplace);
  EXPECT_EQ(rows(crashed.path), 1);
  EXPECT_EQ(*Connection(crashed.path, {}).query_integer("SELECT count(*) FROM t"), 1);
  EXPECT_EQ(rows(crashed.path), 1);
}

TEST(FoldCompanions, RollsAHotJournalBack) {
  const Crashed crashed(
      "INSERT INTO t VALUES(zeroblob(900)); PRAGMA cache_size=1; BEGIN; WITH n(i) AS (VALUES(1) UNION ALL "
      "SELECT "
      "i+1 FROM n WHERE i<500) INSERT INTO t SELECT zeroblob(900) FROM n; UPDATE t SET x=1;");
  ASSERT_GT(fs::file_size(crashed.path + "-journal"), 0u);
  const auto folded = fold_companions(crashed.path);
  ASSERT_TRUE(folded);
  EXPECT_EQ(rows(folded->temporary()), 1);
  EXPECT_EQ(crashed.files(), 3u);
}

TEST(FoldCompanions, NothingToTakeInIsNothing) {
  const Crashed crashed("INSERT INTO t VALUES(1);");
  EXPECT_FALSE(fold_companions(crashed.path));
  std::ofstream(crashed.path + "-wal");
  EXPECT_FALSE(fold_companions(crashed.path));
  EXPECT_FALSE(fold_companions(crashed.folder.path("none.db")));
  EXPECT_EQ(crashed.files(), 2u);
}

TEST(FoldCompanions, WhatIsNoDatabaseIsLeftAsItIs) {
  const TestFolder folder;
  std::ofstream(folder.path("notes")) << std::string(4096, 'x');
  std::ofstream(folder.path("notes-wal")) << "something";
  EXPECT_FALSE(fold_companions(folder.path("notes")));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path("")), fs::directory_iterator()), 2);
}

TEST(FoldCompanions, ACompanionThatIsNoFileIsSaidAndNothingStays) {
  const Crashed crashed("INSERT INTO t VALUES(1);");
  fs::create_directory(crashed.path + "-journal");
  EXPECT_THROW(fold_companions(crashed.path), Error);
  EXPECT_EQ(crashed.files(), 2u);
}

}  // namespace
}  // namespace litewright
