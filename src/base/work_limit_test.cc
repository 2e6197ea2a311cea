#include "base/work_limit.h"

#include <gtest/gtest.h>
#include <time.h>

namespace litewright {
namespace {

using namespace std::chrono_literals;

void work_for(std::chrono::nanoseconds cpu) {
  const auto used = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  for (const auto began = used(); used() - began < cpu;) {
  }
}

TEST(WorkLimit, IsSpentByWorkThatCountsAlone) {
  const WorkLimit limit(60ms);
  {
    const UncountedWork of_the_machine;
    work_for(150ms);
    EXPECT_FALSE(limit.spent());
  }
  EXPECT_FALSE(limit.spent());
  work_for(30ms);
  EXPECT_FALSE(limit.spent());
  work_for(60ms);
  EXPECT_TRUE(limit.spent());
}

TEST(WorkLimit, CountsFromItsMaking) {
  work_for(30ms);
  const WorkLimit limit(60ms);
  work_for(30ms);
  EXPECT_FALSE(limit.spent());
}

}  // namespace
}  // namespace litewright
