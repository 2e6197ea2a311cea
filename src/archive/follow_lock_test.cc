#include "archive/follow_lock.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "base/error.h"
#include "base/test_folder.h"
#include "base/thrown_error_test.h"

namespace litewright {
namespace {

// The refusal, or nothing where the lock could be had.
std::optional<Error> refusal(const FollowLockOptions& options) {
  return error_of([&options] { const FollowLock lock(options); });
}

struct Database {
  Database() { std::ofstream(path) << "a database"; }
  FollowLockOptions options(const std::string& archive) const {
    return {.database = path, .state_folder = folder.path(""), .archive = archive, .reported_pid = 0};
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder.path("")),
                                                  std::filesystem::directory_iterator()));
  }

  TestFolder folder;
  std::string path = folder.path("app.db");
};

TEST(FollowLock, RefusesASecondHolderByPidAndArchive) {
  const Database database;
  const FollowLock lock(database.options("/backup/a"));
  const auto other = refusal(database.options("/backup/b"));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->code(), ErrorCode::kLocked);
  EXPECT_EQ(std::string(other->what()), database.path + " is followed already by process " +
                                            std::to_string(::getpid()) + ", into /backup/a");
  EXPECT_NE(other->hint().find("--archive /backup/a"), std::string::npos) << other->hint();
  const auto same = refusal(database.options("/backup/a"));
  ASSERT_TRUE(same);
  EXPECT_EQ(same->hint(), "stop it first: kill " + std::to_string(::getpid()));
}

TEST(FollowLock, AHardLinkIsTheSameDatabaseAndACopyIsNot) {
  const Database database;
  const FollowLock lock(database.options("a"));
  FollowLockOptions other = database.options("b");
  other.database = database.folder.path("link.db");
  std::filesystem::create_hard_link(database.path, other.database);
  EXPECT_TRUE(refusal(other));
  other.database = database.folder.path("copy.db");
  std::filesystem::copy_file(database.path, other.database);
  EXPECT_FALSE(refusal(other));
}

// Where it can't be said who holds it, it is held all the same.
TEST(FollowLock, NeedsNoRoomForWords) {
  const Database database;
  struct stat about{};
  ASSERT_EQ(::stat(database.path.c_str(), &about), 0);
  const std::string words =
      database.folder.path(fmt::format("follow-{:x}-{}.txt", about.st_dev, about.st_ino));
  std::filesystem::create_directory(words);
  const FollowLock lock(database.options("a"));
  const auto other = refusal(database.options("a"));
  ASSERT_TRUE(other);
  EXPECT_EQ(std::string(other->what()), database.path + " is followed already");
}

TEST(FollowLock, IsFreeAndLeavesNothingWhenItIsLetGo) {
  const Database database;
  for (int i = 0; i < 3; i++) EXPECT_FALSE(refusal(database.options("a")));
  EXPECT_EQ(database.files(), 2u);  // the database, and follow.locks
}

TEST(FollowLock, IsFreeWhenItsHolderIsKilled) {
  const Database database;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const FollowLock lock(database.options("killed"));
    std::ignore = ::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_NE(std::string(refusal(database.options("a"))->what()).find(std::to_string(child)),
            std::string::npos);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const FollowLock lock(database.options("a"));
  EXPECT_NE(std::string(refusal(database.options("b"))->what()).find("into a"), std::string::npos);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(FollowLock, OneFileServesAllOfAProcessAndRefusesWhatItHas) {
  const Database database, another;
  FollowLockOptions options = database.options("a");
  options.file = std::make_shared<FollowLockFile>(options.state_folder);
  FollowLockOptions second = options;
  second.database = another.path;
  {
    const FollowLock lock(options);
    EXPECT_TRUE(refusal(options));
    EXPECT_TRUE(refusal(database.options("b")));
    EXPECT_FALSE(refusal(second));
  }
  EXPECT_FALSE(refusal(options));
  EXPECT_FALSE(refusal(database.options("b")));
}

TEST(FollowLock, KnowsWhenAnotherFileHasTheName) {
  const Database database;
  const FollowLock lock(database.options("a"));
  EXPECT_TRUE(lock.is_of(database.path));
  std::filesystem::rename(database.path, database.folder.path("old.db"));
  EXPECT_FALSE(lock.is_of(database.path));
  std::ofstream(database.path) << "another";
  EXPECT_FALSE(lock.is_of(database.path));
  EXPECT_FALSE(refusal(database.options("b")));
}

TEST(FollowLock, AMissingDatabaseIsSaid) {
  const TestFolder folder;
  const auto refused =
      refusal({.database = folder.path("none.db"), .state_folder = folder.path(""), .archive = "a"});
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), ErrorCode::kNoDatabase);
}

}  // namespace
}  // namespace litewright
