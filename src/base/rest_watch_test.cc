#include "base/rest_watch_linux.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>

#include "base/test_folder.h"

namespace litewright {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
constexpr std::chrono::seconds kPatience{30};

SteadyTime in(std::chrono::nanoseconds time) { return std::chrono::steady_clock::now() + time; }

struct Files {
  Files() {
    std::ofstream(log) << "begun";
    std::ofstream(main) << "main";
  }
  void write() const { std::ofstream(log, std::ios::app) << "more"; }
  std::string copy_of_log(int number) const {
    std::string copy = log + std::to_string(number);
    std::ofstream(copy) << "begun";
    return copy;
  }

  TestFolder folder;
  std::string log = folder.path("log"), main = folder.path("main");
};

// What others change.
struct SharedWord {
  CheapLook look() const { return {.word = &word, .value = word}; }
  void change() { word = word + 1; }
  volatile std::uint32_t word = 7;
};

// What is told once.
struct Awake {
  std::function<void()> told() {
    return [this] {
      if (calls++ == 0) first.set_value();
    };
  }
  bool came() { return first.get_future().wait_for(kPatience) == std::future_status::ready; }
  std::promise<void> first;
  std::atomic<int> calls{0};
};

TEST(RestWatch, AWriteEndsARestOnce) {
  Files files;
  RestWatch watch;
  Awake awake;
  ASSERT_NE(watch.begin({.written = files.log, .until = in(hours(1)), .awake = awake.told()}), 0u);
  files.write();
  ASSERT_TRUE(awake.came());
  files.write();
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(awake.calls, 1);
}

TEST(RestWatch, ThatAFileIsReplacedOrDeletedEndsARest) {
  for (const bool replaced : {true, false}) {
    Files files;
    RestWatch watch;
    Awake awake;
    ASSERT_NE(watch.begin({.replaced = files.main, .until = in(hours(1)), .awake = awake.told()}), 0u);
    if (replaced) {
      std::filesystem::rename(files.log, files.main);
    } else {
      std::filesystem::remove(files.main);
    }
    EXPECT_TRUE(awake.came()) << replaced;
  }
}

TEST(RestWatch, ThatAFolderAboveAFileIsRenamedEndsARest) {
  Files files;
  const std::string folder = files.folder.path("above"), file = folder + "/main";
  std::filesystem::create_directory(folder);
  std::filesystem::rename(files.main, file);
  SharedWord still;
  RestWatch watch;
  Awake awake;
  ASSERT_NE(
      watch.begin({.replaced = file, .look = still.look(), .until = in(hours(1)), .awake = awake.told()}),
      0u);
  std::filesystem::rename(folder, folder + ".old");
  EXPECT_TRUE(awake.came());
}

TEST(RestWatch, ALookTimeAndWakeEndARest) {
  RestWatch watch;
  Awake by_look, by_time, by_wake;
  SharedWord word;
  watch.begin({.look = word.look(), .until = in(hours(1)), .awake = by_look.told()});
  watch.begin({.until = in(milliseconds(20)), .awake = by_time.told()});
  const auto id = watch.begin({.until = in(hours(1)), .awake = by_wake.told()});
  EXPECT_TRUE(by_time.came());
  watch.wake(id);
  EXPECT_TRUE(by_wake.came());
  EXPECT_EQ(by_look.calls, 0);
  word.change();
  EXPECT_TRUE(by_look.came());
}

// As on file systems that tell nothing: the word changes, the file that is watched does not.
TEST(RestWatch, WhereAWriteWasNotToldTheWordsTellIt) {
  constexpr int kOthers = 40;
  Files files;
  RestWatch watch;
  SharedWord word, still;
  std::atomic<int> others = 0;
  for (int i = 0; i < kOthers; i++)
    watch.begin({.written = files.copy_of_log(i), .look = still.look(), .until = in(hours(1)), .awake = [&] {
                   others++;
                 }});
  Awake first, again;
  watch.begin({.written = files.log, .look = word.look(), .until = in(hours(1)), .awake = first.told()});
  word.change();
  ASSERT_TRUE(first.came());
  watch.begin({.written = files.log, .look = word.look(), .until = in(hours(1)), .awake = again.told()});
  word.change();
  ASSERT_TRUE(again.came());
  EXPECT_TRUE(watch.is_silent(files.log));
  EXPECT_EQ(others, 0);
}

TEST(RestWatch, ALockOfAnotherProcessEndsARest) {
  Files files;
  const FileDescriptor log(::open(files.log.c_str(), O_RDWR | O_CLOEXEC));
  RestWatch watch;
  Awake awake, other;
  watch.begin({.look = {.descriptor = log.get(), .first_byte = 120, .bytes = 2},
               .until = in(hours(1)),
               .awake = awake.told()});
  watch.begin({.look = {.descriptor = log.get(), .first_byte = 122, .bytes = 2},
               .until = in(hours(1)),
               .awake = other.told()});
  const pid_t holder = ::fork();
  if (holder == 0) {
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_start = 121;
    lock.l_len = 1;
    ::fcntl(log.get(), F_SETLK, &lock);
    ::pause();
    ::_exit(0);
  }
  EXPECT_TRUE(awake.came());
  EXPECT_EQ(other.calls, 0);
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
}

TEST(RestWatch, WhatIsForgottenIsNotAwoken) {
  Files files;
  RestWatch watch;
  Awake awake, other;
  const auto id = watch.begin({.written = files.log, .until = in(milliseconds(50)), .awake = awake.told()});
  watch.forget(id);
  files.write();
  watch.begin({.until = in(milliseconds(100)), .awake = other.told()});
  EXPECT_TRUE(other.came());
  EXPECT_EQ(awake.calls, 0);
}

TEST(RestWatch, NothingRestsThatStirsOrCannotBeWatched) {
  Files files;
  RestWatch watch;
  Awake awake;
  EXPECT_EQ(watch.begin({.written = files.log,
                         .replaced = files.main,
                         .until = in(hours(1)),
                         .stirs_already = [] { return true; },
                         .awake = awake.told()}),
            0u);
  EXPECT_EQ(watch.begin({.written = files.folder.path("none"), .until = in(hours(1)), .awake = awake.told()}),
            0u);
  // Nothing of that is left: it can be watched now.
  EXPECT_NE(watch.begin(
                {.written = files.log, .replaced = files.main, .until = in(hours(1)), .awake = awake.told()}),
            0u);
  files.write();
  EXPECT_TRUE(awake.came());
}

TEST(RestWatch, ThousandsRestAndTheOneThatIsWrittenAwakes) {
  Files files;
  RestWatch watch;
  std::atomic<int> others = 0;
  Awake awake;
  SharedWord word;
  for (int i = 0; i < 5'000; i++)
    watch.begin({.look = word.look(), .until = in(hours(1)), .awake = [&] { others++; }});
  watch.begin({.written = files.log, .until = in(hours(1)), .awake = awake.told()});
  files.write();
  EXPECT_TRUE(awake.came());
  EXPECT_EQ(others, 0);
}

}  // namespace
}  // namespace litewright
