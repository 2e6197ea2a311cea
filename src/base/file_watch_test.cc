#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/file_watch_linux.h"
#include "base/test_folder.h"

namespace litewright {
namespace {

bool readable(const FileWatch& watch) {
  pollfd waiting{watch.fd(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

void write(const std::string& path, const std::string& text = "more") {
  std::ofstream(path, std::ios::app) << text;
}

struct Watched {
  TestFolder folder;
  std::string path = folder.path("app.db-wal");
};

TEST(FileWatch, TellsOfEachWriteAfterADrain) {
  const Watched watched;
  write(watched.path);
  FileWatch watch(watched.path);
  EXPECT_FALSE(readable(watch));  // what was before it does not count
  for (int i = 0; i < 3; i++) {
    write(watched.path);
    EXPECT_TRUE(readable(watch)) << i;
    watch.drain();
    EXPECT_FALSE(readable(watch)) << i;
  }
}

TEST(FileWatch, ReadingAndOtherFilesAreNoWrites) {
  const Watched watched;
  write(watched.path);
  FileWatch watch(watched.path);
  std::ifstream(watched.path).get();
  write(watched.folder.path("other"));
  EXPECT_FALSE(readable(watch));
}

TEST(FileWatch, AFileThatAppearsLaterIsFoundAtTheNextDrain) {
  const Watched watched;
  FileWatch watch(watched.path);
  write(watched.path);
  watch.drain();
  EXPECT_FALSE(readable(watch));
  write(watched.path);
  EXPECT_TRUE(readable(watch));
}

TEST(FileWatch, AFileThatWasReplacedIsFoundAgain) {
  const Watched watched;
  write(watched.path);
  FileWatch watch(watched.path);
  std::filesystem::remove(watched.path);
  write(watched.path);
  watch.drain();
  watch.drain();
  write(watched.path);
  EXPECT_TRUE(readable(watch));
}

}  // namespace
}  // namespace litewright
