#include "archive/archive_home.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/test_folder.h"
#include "base/thrown_error_test.h"
#include "store/directory_store.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

class ArchiveHomeTest : public ::testing::Test {
 protected:
  std::string make(const std::string& name) const {
    fs::create_directories(fs::path(folder_.path(name)).parent_path());
    std::ofstream(folder_.path(name)) << name;
    return folder_.path(name);
  }
  std::string recorded() { return Catalogue::load(store_).identity->database; }
  // As an archiver does.
  void open(const std::string& database) { open(store_, database); }
  void open(ObjectStore& store, const std::string& database) {
    require_archive_of(store, database);
    ArchiveIdentity identity = ensure_archive(store, database, clock_);
    let_record_follow(store, identity, database);
  }

  const TestFolder folder_;
  const SystemClock clock_;
  DirectoryStore store_{folder_.path("arch")};
};

TEST_F(ArchiveHomeTest, AnotherDatabaseIsRefusedAndBothAreNamed) {
  const std::string a = make("a.db"), b = make("b.db");
  open(a);
  open(a);
  try {
    open(b);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_NE(std::string(error.what()).find(a), std::string::npos);
    EXPECT_NE(std::string(error.what()).find(b), std::string::npos);
  }
  EXPECT_EQ(recorded(), a);
}

TEST_F(ArchiveHomeTest, TheSameFileByAnotherNameIsFine) {
  const std::string a = make("a.db");
  open(a);
  fs::create_symlink(a, folder_.path("link.db"));
  fs::create_hard_link(a, folder_.path("hard.db"));
  open(folder_.path("link.db"));
  open(folder_.path("hard.db"));
  EXPECT_EQ(recorded(), a);
}

TEST_F(ArchiveHomeTest, WhereTheFileWasMovedTheRecordFollows) {
  const std::string a = make("a.db"), b = folder_.path("b.db");
  open(a);
  const std::string id = Catalogue::load(store_).identity->id;
  fs::rename(a, b);
  open(b);
  EXPECT_EQ(recorded(), b);
  EXPECT_EQ(Catalogue::load(store_).identity->id, id);
  EXPECT_TRUE(Catalogue::load(store_).bad_objects.empty());
}

TEST_F(ArchiveHomeTest, AFolderThatWasCopiedWithItsArchiveIsFine) {
  const std::string a = make("production/app.db");
  DirectoryStore store(a + "-archive");
  open(store, a);
  fs::copy(folder_.path("production"), folder_.path("staging"), fs::copy_options::recursive);
  DirectoryStore copy(folder_.path("staging/app.db-archive"));
  open(copy, folder_.path("staging/app.db"));
  EXPECT_EQ(Catalogue::load(copy).identity->database, folder_.path("staging/app.db"));
}

TEST_F(ArchiveHomeTest, WhatCannotBeReadIsLeftToWhoOpensTheArchive) {
  const std::string a = make("a.db");
  require_archive_of(store_, a);
  std::ofstream(folder_.path("arch/archive.json")) << "no json";
  require_archive_of(store_, a);
}

}  // namespace
}  // namespace litewright
