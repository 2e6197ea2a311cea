#include "base/work_limit.h"

#include <time.h>

#include <algorithm>
#include <thread>

namespace litewright {
namespace {

std::chrono::nanoseconds used_by_this_process() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

WorkLimit::WorkLimit(std::chrono::nanoseconds cpu)
    : cpu_(cpu),
      used_before_(used_by_this_process()),
      look_from_(std::chrono::steady_clock::now() + cpu / std::max(1u, std::thread::hardware_concurrency())) {
}

bool WorkLimit::spent() const {
  return std::chrono::steady_clock::now() > look_from_ && used_by_this_process() - used_before_ > cpu_;
}

}  // namespace litewright
