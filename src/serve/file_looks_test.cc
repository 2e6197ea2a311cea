#include "serve/file_looks.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/test_folder.h"
#include "serve/web_samples.h"

namespace litewright {
namespace {

using namespace std::chrono_literals;

class FileLooksTest : public ::testing::Test {
 protected:
  void join(const std::string& limits) {
    const auto configuration = std::make_shared<const Configuration>(parse_configuration(
        "[[database]]\npath = \"" + path_ + "\"\nthresholds = { " + limits + " }\n", folder_.path("x.toml")));
    board_.join("app.db", [](DatabaseStatus&) {});
    looks_.join(find_members(configuration).at(0));
  }
  std::vector<std::string> found() const {
    std::vector<std::string> ids;
    for (const Finding& finding : board_.find("app.db")->open_findings()) ids.push_back(finding.id);
    return ids;
  }
  // The disk of whoever runs this is not meant.
  static constexpr const char* kOnlyWal =
      "wal = \"1KB,1MB\", free-disk = \"off\", disk-used = \"off\", size-min = \"off\"";
  using Words = std::vector<std::string>;

  const TestFolder folder_;
  const std::string path_ = folder_.path("app.db");
  SystemClock clock_;
  StatusBoard board_{clock_};
  FileLooks looks_{board_, clock_, folder_.path(".")};
};

TEST_F(FileLooksTest, JudgesByTheThresholdsOfTheConfigurationAndEndsWhatIsOver) {
  std::ofstream(path_) << std::string(4096, 'x');
  std::ofstream(path_ + "-wal") << std::string(2000, 'x');
  join(kOnlyWal);
  looks_.look();
  EXPECT_EQ(found(), Words{"wal.large"});
  const auto status = board_.find("app.db");
  EXPECT_TRUE(status->exists && status->writable && status->looked_at);
  EXPECT_EQ(status->database_bytes, 4096u);
  EXPECT_EQ(status->wal_bytes, 2000u);
  std::filesystem::remove(path_ + "-wal");
  looks_.look();
  EXPECT_EQ(found(), Words{});
}

// Most of a thousand are as they were: what changes is on the board at once, that somebody looked within a
// minute.
TEST_F(FileLooksTest, NotesAtOnceWhatChangedAndWithinAMinuteThatItLooked) {
  SteppedClock clock;
  FileLooks looks(board_, clock, folder_.path("."));
  const auto configuration = std::make_shared<const Configuration>(
      parse_configuration("[[database]]\npath = \"" + path_ + "\"\n", folder_.path("x.toml")));
  std::ofstream(path_) << "x";
  board_.join("app.db", [](DatabaseStatus&) {});
  looks.join(find_members(configuration).at(0));
  looks.look();
  const auto status = [this] { return board_.find("app.db"); };
  EXPECT_EQ(status()->looked_at, clock.wall());
  clock.step(10s);
  std::ofstream(path_) << "xyz";
  looks.look();
  EXPECT_EQ(status()->database_bytes, 3u);
  EXPECT_EQ(status()->looked_at, clock.wall());
  clock.step(60s);
  looks.look();
  EXPECT_EQ(status()->looked_at, clock.wall());
  clock.step(10s);
  std::filesystem::remove(path_);
  looks.look();
  EXPECT_FALSE(status()->exists);
}

TEST_F(FileLooksTest, AMissingFileIsCriticalAndComesBack) {
  join(kOnlyWal);
  looks_.look();
  EXPECT_EQ(found(), Words{"database.missing"});
  EXPECT_EQ(board_.find("app.db")->worst(), Severity::kCritical);
  std::ofstream(path_) << "x";
  looks_.look();
  EXPECT_EQ(found(), Words{});
}

TEST_F(FileLooksTest, OneThatCanNotBeLookedAtIsNotMissing) {
  std::ofstream(path_) << "xyz";
  join(kOnlyWal);
  looks_.look();
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(path_, path_);
  looks_.look();
  EXPECT_EQ(found(), Words{"database.unreachable"});
  const auto status = board_.find("app.db");
  EXPECT_EQ(status->worst(), Severity::kCritical);
  EXPECT_EQ(status->open_findings().at(0).remedy.find("restore"), std::string::npos);
  EXPECT_TRUE(status->exists && !status->writable);
  EXPECT_EQ(status->database_bytes, 3u);
  std::filesystem::remove(path_);
  looks_.look();
  EXPECT_EQ(found(), Words{"database.missing"});
  EXPECT_FALSE(board_.find("app.db")->exists);
}

TEST_F(FileLooksTest, ABackupIsOldOnlyWhileCommitsAreNotArchived) {
  std::ofstream(path_) << "x";
  join(std::string(kOnlyWal) + ", backup-age = \"1h,2h\"");
  const auto archived = [this](GuardState state) {
    board_.update("app.db", [&](DatabaseStatus& status) {
      status.guard = state;
      status.archived_at = clock_.wall() - 90min;
    });
    looks_.look();
  };
  archived(GuardState::kFollowing);
  EXPECT_EQ(found(), Words{});
  archived(GuardState::kWaiting);
  EXPECT_EQ(found(), Words{"archive.behind"});
}

TEST_F(FileLooksTest, WhoLeftIsNotLookedAt) {
  join(kOnlyWal);
  looks_.leave("app.db");
  looks_.look();
  EXPECT_FALSE(board_.find("app.db")->looked_at);
}

TEST_F(FileLooksTest, KnowsWhichFindingsAreItsOwn) {
  EXPECT_TRUE(FileLooks::tells("wal.large"));
  EXPECT_TRUE(FileLooks::tells("archive.behind"));
  EXPECT_FALSE(FileLooks::tells("archive.unproven"));
  EXPECT_FALSE(FileLooks::tells("integrity.damaged"));
}

}  // namespace
}  // namespace litewright
