#include "cli/archive_place.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/test_folder.h"
#include "base/thrown_error_test.h"
#include "sqlite/connection.h"
#include "store/directory_store.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

// What a command line of one command names.
class ArchivePlaceTest : public testing::Test {
 protected:
  ArchivePlace locate(const std::string& database, const std::optional<std::string>& archive = std::nullopt,
                      DatabaseFile file = DatabaseFile::kMustExist) {
    Invocation invocation{command_, session_};
    invocation.values["DB"] = {database};
    if (archive) invocation.values["archive"] = {*archive};
    return locate_archive(invocation, file);
  }
  std::string make_database(const std::string& name) {
    Connection(folder_.path(name), {.mode = OpenMode::kCreate}).execute("CREATE TABLE t(x)");
    return fs::canonical(folder_.path(name));
  }

  TestFolder folder_;
  Command command_ = with_database({.name = "look"});
  Output output_{stdout, stderr, {}};
  SystemClock clock_;
  Environment environment_ = [](const std::string&) { return std::nullopt; };
  Session session_{output_, clock_, environment_};
};

TEST_F(ArchivePlaceTest, TheArchiveIsBesideTheDatabaseUnlessItIsNamed) {
  const std::string database = make_database("app.db");
  const ArchivePlace beside = locate(database);
  EXPECT_EQ(beside.database, database);
  EXPECT_EQ(beside.archive, database + "-archive");
  EXPECT_EQ(beside.store->describe(), database + "-archive");
  const ArchivePlace named = locate(database, folder_.path("x/../elsewhere"));
  EXPECT_EQ(named.store->describe(), folder_.path("elsewhere"));
  EXPECT_EQ(locate(database, "file://" + folder_.path("url")).store->describe(), folder_.path("url"));
}

TEST_F(ArchivePlaceTest, ALinkedDatabaseHasTheArchiveOfTheFileItself) {
  const std::string database = make_database("app.db");
  fs::create_symlink(database, folder_.path("link.db"));
  EXPECT_EQ(locate(folder_.path("link.db")).archive, database + "-archive");
}

TEST_F(ArchivePlaceTest, AMissingDatabaseCountsOnlyWhereItMustExist) {
  const std::string missing = folder_.path("gone.db");
  EXPECT_EQ(code_of([&] { locate(missing); }), ErrorCode::kNoDatabase);
  EXPECT_EQ(locate(missing, std::nullopt, DatabaseFile::kMayBeMissing).archive, missing + "-archive");
}

TEST_F(ArchivePlaceTest, WhatThisBuildHasNoDriverForIsAUsageError) {
  const std::string database = make_database("app.db");
  EXPECT_EQ(code_of([&] { locate(database, "s3://bucket/app"); }), ErrorCode::kUsage);
  EXPECT_EQ(code_of([&] { locate("postgresql://user:secret@host/db"); }), ErrorCode::kUsage);
}

TEST_F(ArchivePlaceTest, WhereNothingWasEverArchivedThereIsNoArchive) {
  const ArchivePlace place = locate(make_database("app.db"));
  try {
    require_archive(place);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNoDatabase);
    EXPECT_NE(error.hint().find("litewright protect"), std::string::npos);
  }
  EXPECT_FALSE(fs::exists(place.archive));  // looking makes nothing
  put_object(*place.store, "segments/0000000000000000-0000000000000001.lws", {});
  require_archive(place);
}

}  // namespace
}  // namespace litewright
