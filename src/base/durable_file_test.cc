#include "base/durable_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <vector>

#include "base/error.h"
#include "base/thrown_error_test.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

Bytes bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

class DurableFileTest : public testing::Test {
 protected:
  DurableFileTest() {
    std::string pattern = (fs::temp_directory_path() / "durable-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~DurableFileTest() override { fs::remove_all(folder_); }

  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path().filename());
    return found;
  }

  fs::path folder_;
};

TEST_F(DurableFileTest, TheTargetAppearsWholeAtCommitAndNothingElseRemains) {
  DurableFile file(folder_ / "app.db");
  file.append(bytes("hello "));
  file.append(bytes("world"));
  file.pwrite(bytes("J"), 0);
  EXPECT_EQ(file.size(), 11u);
  EXPECT_FALSE(fs::exists(folder_ / "app.db"));
  EXPECT_TRUE(fs::exists(file.temporary()));
  file.commit(OnExisting::kFailIfExists);
  EXPECT_EQ(names(), std::vector<std::string>{"app.db"});
  EXPECT_EQ(read_whole_file(folder_ / "app.db", 100), "Jello world");
}

TEST_F(DurableFileTest, AGapReadsAsZerosAndAppendGoesOnBehindTheHighestByte) {
  DurableFile file(folder_ / "f");
  file.pwrite(bytes("b"), 3);
  file.append(bytes("c"));
  file.commit(OnExisting::kReplace);
  EXPECT_EQ(read_whole_file(folder_ / "f", 100), std::string("\0\0\0bc", 5));
}

TEST_F(DurableFileTest, DestroyedWithoutCommitItLeavesNothing) {
  {
    DurableFile(folder_ / "f").append(bytes("x"));
  }
  EXPECT_TRUE(names().empty());
}

TEST_F(DurableFileTest, ReplaceReplacesAndFailIfExistsKeepsWhatIsThere) {
  write_file_durably(folder_ / "f", bytes("old"));
  {
    DurableFile file(folder_ / "f");
    file.append(bytes("new"));
    EXPECT_EQ(code_of([&] { file.commit(OnExisting::kFailIfExists); }), ErrorCode::kCantCreate);
    EXPECT_EQ(code_of([&] { file.commit(OnExisting::kReplace); }), ErrorCode::kIo) << "once only";
  }
  EXPECT_EQ(read_whole_file(folder_ / "f", 100), "old");
  EXPECT_EQ(names(), std::vector<std::string>{"f"});
  write_file_durably(folder_ / "f", bytes("new"));
  EXPECT_EQ(read_whole_file(folder_ / "f", 100), "new");
}

TEST_F(DurableFileTest, TheModeIsTheOneGiven) {
  write_file_durably(folder_ / "private", bytes("x"));
  write_file_durably(folder_ / "shared", bytes("x"), 0640);
  struct stat status = {};
  ASSERT_EQ(::stat((folder_ / "private").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat((folder_ / "shared").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST_F(DurableFileTest, AMissingFolderAndAFolderAsTargetAreRefused) {
  EXPECT_EQ(code_of([&] { DurableFile(folder_ / "none" / "f"); }), ErrorCode::kCantCreate);
  EXPECT_EQ(code_of([&] { DurableFile(folder_ / ".."); }), ErrorCode::kCantCreate);
  fs::create_directory(folder_ / "sub");
  EXPECT_EQ(code_of([&] { write_file_durably(folder_ / "sub", bytes("x")); }), ErrorCode::kIo);
  EXPECT_EQ(names(), std::vector<std::string>{"sub"});
}

TEST_F(DurableFileTest, ReadingStopsAtTheLimit) {
  write_file_durably(folder_ / "f", bytes("12345"));
  EXPECT_EQ(read_whole_file(folder_ / "f", 5), "12345");
  EXPECT_EQ(code_of([&] { read_whole_file(folder_ / "f", 4); }), ErrorCode::kDamaged);
  EXPECT_EQ(code_of([&] { read_whole_file(folder_ / "none", 4); }), ErrorCode::kNoDatabase);
}

TEST_F(DurableFileTest, AKilledWritersTemporaryIsSweptAndALivingOnesIsNot) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto* abandoned = new DurableFile(folder_ / "f");
    abandoned->append(bytes("half"));
    ::raise(SIGKILL);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  DurableFile living(folder_ / "f");
  ASSERT_EQ(names().size(), 2u);
  EXPECT_EQ(remove_abandoned_temporaries(folder_), 1u);
  EXPECT_EQ(names(), std::vector<std::string>{living.temporary().filename().string()});
}

// A real full disk: a tmpfs of 1 MiB, which needs root.
TEST_F(DurableFileTest, AFullDiskIsReportedAndLeavesTheOldContent) {
  if (::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "can't mount a tmpfs (needs root): errno " << errno;
  }
  write_file_durably(folder_ / "f", bytes("old"));
  const std::string big(2u << 20, 'x');
  try {
    write_file_durably(folder_ / "f", bytes(big));
    ADD_FAILURE() << "2 MiB went into 1 MiB";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_NE(std::string(error.what()).find("No space left on device"), std::string::npos) << error.what();
    EXPECT_EQ(error.hint(), "free some disk space, then try again");
  }
  EXPECT_EQ(read_whole_file(folder_ / "f", 100), "old");
  EXPECT_EQ(names(), std::vector<std::string>{"f"}) << "the space is given back";
  EXPECT_EQ(::umount(folder_.c_str()), 0);
}

}  // namespace
}  // namespace litewright
