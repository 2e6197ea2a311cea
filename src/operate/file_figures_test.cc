#include "operate/file_figures.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.h"
#include "operate/health_memory.h"

namespace litewright {
namespace {

using namespace std::chrono_literals;

void write(const std::string& path, std::size_t bytes) { std::ofstream(path) << std::string(bytes, 'x'); }

TEST(FileFigures, TellsSizesAndTheDiskByTheThresholdsNames) {
  const TestFolder folder;
  write(folder.path("app.db"), 8192);
  write(folder.path("app.db-wal"), 5000);
  const FileFigures files = look_at_files(folder.path("app.db"));
  EXPECT_TRUE(files.exists);
  EXPECT_TRUE(files.writable);
  EXPECT_GT(files.disk.all, 0u);
  const MeasuredFigures figures = measured(files, files.written - 90s);
  EXPECT_EQ(figures.at("size"), 8192);
  EXPECT_EQ(figures.at("size-min"), 8192);
  EXPECT_EQ(figures.at("wal"), 5000);
  EXPECT_EQ(figures.at("clock-ahead"), 90);
  for (const auto& [name, figure] : figures) EXPECT_NE(find_threshold(name), nullptr) << name;
}

TEST(FileFigures, AFileThatIsGoneHasNoSizeButADisk) {
  const TestFolder folder;
  const FileFigures files = look_at_files(folder.path("gone.db"));
  EXPECT_FALSE(files.exists);
  const MeasuredFigures figures = measured(files, WallTime{});
  EXPECT_FALSE(figures.contains("size"));
  EXPECT_TRUE(figures.contains("free-disk"));
}

TEST(FileFigures, ABackupIsOldOnlyWhereTheFileWasWrittenSince) {
  const WallTime archived(1h);
  EXPECT_EQ(backup_age(archived, archived + 1s, archived + 100h), 0);
  EXPECT_EQ(backup_age(archived, archived + 10s, archived + 100h), 100 * 3600);
}

TEST(FileFigures, TheDisksTrendNeedsADayOfSamplesAndWritesHourly) {
  const TestFolder folder;
  const std::string state = folder.path(".");
  WallTime now(1000h);
  DiskSpace disk{.free = 100ull << 30, .all = 200ull << 30};
  std::optional<double> left;
  for (int i = 0; i <= 30 * 12; i++, now += 5min, disk.free -= (1ull << 30) / 12)
    left = disk_trend(state, "/data/app.db", disk, now);
  EXPECT_EQ(read_health_memory(state, "/data/app.db").disk.size(), 31u);
  ASSERT_TRUE(left);
  EXPECT_NEAR(*left, 70 * 3600, 3600);
}

}  // namespace
}  // namespace litewright
