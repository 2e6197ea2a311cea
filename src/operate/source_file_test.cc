#include "operate/source_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/test_folder.h"
#include "base/thrown_error_test.h"
#include "operate/make_copy.h"
#include "sqlite/connection.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

class SourceFile : public ::testing::Test {
 protected:
  // In WAL mode, its WAL copied back; 100 pages and some.
  std::string database(const std::string& name) const {
    const std::string path = folder_.path(name);
    Connection connection(path, {.mode = OpenMode::kCreate});
    connection.query_text("PRAGMA journal_mode=wal");
    connection.execute(
        "CREATE TABLE t(x); INSERT INTO t WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n "
        "WHERE i<100) SELECT randomblob(4000) FROM n");
    return path;
  }

  std::string file(const std::string& name, std::size_t bytes) const {
    const std::string path = folder_.path(name);
    std::ofstream(path, std::ios::binary) << std::string(bytes, '\1');
    return path;
  }

  CopyReport copy(const std::string& path, CopyForm form) const {
    return make_copy({.database = path, .file = folder_.path("copy" + std::string(suffix_of(form)))},
                     SystemClock());
  }

  const TestFolder folder_;
};

TEST_F(SourceFile, NoCopyIsMadeOfAnEmptyOrTornFile) {
  const std::string empty = file("empty.db", 0);
  EXPECT_EQ(code_of([&] { copy(empty, CopyForm::kDbZst); }), ErrorCode::kUsage);
  for (const std::uintmax_t bytes : {50, 600}) {
    const std::string torn = database(std::to_string(bytes) + ".db");
    fs::resize_file(torn, bytes);
    EXPECT_EQ(code_of([&] { copy(torn, CopyForm::kDb); }), ErrorCode::kDamaged) << bytes;
    EXPECT_EQ(code_of([&] { copy(torn, CopyForm::kSqlGz); }), ErrorCode::kDamaged) << bytes;
  }
  for (const auto& entry : fs::directory_iterator(folder_.path("")))
    EXPECT_FALSE(entry.path().filename().string().starts_with("copy")) << entry.path();
}

TEST_F(SourceFile, ATornBeginningIsLeftToSqliteWhereTheWalHasFrames) {
  const std::string torn = database("torn.db");
  fs::resize_file(torn, 50);
  EXPECT_EQ(code_of([&] { require_database_source(torn, Beside::kMayMend); }), ErrorCode::kDamaged);
  file("torn.db-wal", 5000);
  EXPECT_NO_THROW(require_database_source(torn, Beside::kMayMend));
  EXPECT_EQ(code_of([&] { require_database_source(torn, Beside::kIgnored); }), ErrorCode::kDamaged);
}

TEST_F(SourceFile, TheWalBesideAnEmptyFileIsLeftAlone) {
  const std::string empty = file("empty.db", 0);
  file("empty.db-wal", 5000);
  EXPECT_EQ(code_of([&] { copy(empty, CopyForm::kDb); }), ErrorCode::kDamaged);
  EXPECT_EQ(fs::file_size(empty + "-wal"), 5000);
}

TEST_F(SourceFile, OneShorterThanItsHeaderSaysIsRefused) {
  const std::string path = database("app.db");
  EXPECT_NO_THROW(require_whole_source(path, SystemClock()));
  fs::resize_file(path, 300'000);  // within a page
  EXPECT_EQ(code_of([&] { require_whole_source(path, SystemClock()); }), ErrorCode::kDamaged);
  fs::resize_file(path, 4096 * 50);
  EXPECT_EQ(code_of([&] { require_whole_source(path, SystemClock()); }), ErrorCode::kDamaged);
}

// As a crash within a checkpoint leaves it: the header is the new one, the pages are in the WAL.
TEST_F(SourceFile, TheWalMayHoldTheRest) {
  const std::string path = database("app.db"), copy = folder_.path("copy.db");
  const std::uintmax_t before = fs::file_size(path);
  Connection connection(path, {.mode = OpenMode::kReadWrite});
  connection.execute("PRAGMA wal_autocheckpoint=0; INSERT INTO t SELECT x FROM t;");
  fs::copy_file(path + "-wal", copy + "-wal");
  connection.execute("PRAGMA wal_checkpoint");
  fs::copy_file(path, copy);
  fs::resize_file(copy, before);
  EXPECT_NO_THROW(require_whole_source(copy, SystemClock()));
  fs::resize_file(copy, before / 2);
  EXPECT_EQ(code_of([&] { require_whole_source(copy, SystemClock()); }), ErrorCode::kDamaged);
  EXPECT_GT(fs::file_size(copy + "-wal"), 0) << "what is left was taken away";
}

}  // namespace
}  // namespace litewright
