#include "base/low_priority_linux.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace litewright {

namespace {

constexpr int kLowest = 19;
// linux/ioprio.h: the best-effort class, its last level. The idle class could wait for ever.
constexpr int kProcess = 1;
constexpr int kLastOfBestEffort = (2 << 13) | 7;

}  // namespace

void go_behind_all_others() {
  // Both calls mean the thread by its number; a refusal only leaves it where it was.
  const auto thread = static_cast<::id_t>(::syscall(SYS_gettid));
  (void)::setpriority(PRIO_PROCESS, thread, kLowest);
  (void)::syscall(SYS_ioprio_set, kProcess, thread, kLastOfBestEffort);
}

std::chrono::nanoseconds thread_cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace litewright
