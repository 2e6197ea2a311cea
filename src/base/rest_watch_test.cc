#include "base/rest_watch_linux.h"

#include <gtest/gtest.h>

#include <atomic>
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

  TestFolder folder;
  std::string log = folder.path("log"), main = folder.path("main");
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

TEST(RestWatch, ALookTimeAndWakeEndARest) {
  RestWatch watch;
  Awake by_look, by_time, by_wake;
  std::atomic<bool> stirs = false;
  watch.begin({.stirs = [&] { return stirs.load(); }, .until = in(hours(1)), .awake = by_look.told()});
  watch.begin({.until = in(milliseconds(20)), .awake = by_time.told()});
  const auto id = watch.begin({.until = in(hours(1)), .awake = by_wake.told()});
  EXPECT_TRUE(by_time.came());
  watch.wake(id);
  EXPECT_TRUE(by_wake.came());
  EXPECT_EQ(by_look.calls, 0);
  stirs = true;
  EXPECT_TRUE(by_look.came());
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
                         .stirs = [] { return true; },
                         .until = in(hours(1)),
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
  for (int i = 0; i < 5'000; i++)
    watch.begin({.stirs = [] { return false; }, .until = in(hours(1)), .awake = [&] { others++; }});
  watch.begin({.written = files.log, .until = in(hours(1)), .awake = awake.told()});
  files.write();
  EXPECT_TRUE(awake.came());
  EXPECT_EQ(others, 0);
}

}  // namespace
}  // namespace litewright
