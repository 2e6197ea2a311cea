#include "base/work_limit.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace litewright {
namespace {

std::atomic<int> uncounted_under_way = 0;
std::atomic<std::chrono::nanoseconds> uncounted = std::chrono::nanoseconds(0);

std::chrono::nanoseconds used_by(clockid_t clock) {
  timespec used{};
  ::clock_gettime(clock, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

std::chrono::nanoseconds counted() { return used_by(CLOCK_PROCESS_CPUTIME_ID) - uncounted.load(); }

}  // namespace

WorkLimit::WorkLimit(std::chrono::nanoseconds cpu)
    : cpu_(cpu),
      counted_before_(counted()),
      look_from_(std::chrono::steady_clock::now() + cpu / std::max(1u, std::thread::hardware_concurrency())) {
}

bool WorkLimit::spent() const {
  if (std::chrono::steady_clock::now() <= look_from_ || uncounted_under_way > 0) return false;
  return counted() - counted_before_ > cpu_;
}

UncountedWork::UncountedWork() : used_before_(used_by(CLOCK_THREAD_CPUTIME_ID)) { uncounted_under_way++; }

UncountedWork::~UncountedWork() {
  const auto used = used_by(CLOCK_THREAD_CPUTIME_ID) - used_before_;
  auto before = uncounted.load();
  while (!uncounted.compare_exchange_weak(before, before + used)) {
  }
  uncounted_under_way--;
}

}  // namespace litewright
