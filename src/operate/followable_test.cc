#include "operate/followable.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "base/test_folder.h"
#include "sqlite/connection.h"

namespace litewright {
namespace {

struct Case {
  const char* name;
  std::string content;
  ErrorCode code;
  const char* says;
};

std::string database_bytes(const TestFolder& folder, const char* journal_mode) {
  const std::string path = folder.path("made.db");
  {
    Connection connection(path, {.mode = OpenMode::kCreate});
    connection.query_text(std::string("PRAGMA journal_mode=") + journal_mode);
    connection.execute("CREATE TABLE t(x)");
  }
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::filesystem::remove(path);
  return bytes;
}

TEST(RequireFollowable, ADatabaseIsInWhateverJournalMode) {
  const TestFolder folder;
  for (const char* journal_mode : {"wal", "delete"}) {
    const std::string path = folder.path(std::string(journal_mode) + ".db");
    std::ofstream(path, std::ios::binary) << database_bytes(folder, journal_mode);
    require_followable(path);
  }
}

TEST(RequireFollowable, WhatIsNotIsSaidAndLeftAsItIs) {
  const TestFolder folder;
  std::string torn = database_bytes(folder, "wal");
  torn[16] = '\7';  // a page size that is none
  const Case cases[] = {
      {"empty", "", ErrorCode::kUsage, "is empty"},
      {"text", std::string(5000, 'x'), ErrorCode::kDamaged, "is not a database"},
      {"torn", torn, ErrorCode::kDamaged, "(byte 16)"},
  };
  for (const Case& made : cases) {
    SCOPED_TRACE(made.name);
    const std::string path = folder.path(made.name);
    std::ofstream(path, std::ios::binary) << made.content;
    try {
      require_followable(path);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), made.code) << error.what();
      EXPECT_NE(std::string(error.what()).find(made.says), std::string::npos) << error.what();
      EXPECT_FALSE(error.hint().empty());
    }
    EXPECT_EQ(std::filesystem::file_size(path), made.content.size());
  }
}

TEST(RequireFollowable, AMissingFileAndOneThatCannotBeWrittenAreSaid) {
  const TestFolder folder;
  const std::string path = folder.path("app.db");
  const auto code = [&path] {
    try {
      require_followable(path);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code(), ErrorCode::kNoDatabase);
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everything";
  std::ofstream(path, std::ios::binary) << database_bytes(folder, "wal");
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  EXPECT_EQ(code(), ErrorCode::kPermission);
}

}  // namespace
}  // namespace litewright
