#include "base/self_end_timer_linux.h"

#include <signal.h>

#include <cerrno>

#include "base/error.h"

namespace litewright {

SelfEndTimer::SelfEndTimer() {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) throw error_from_errno(errno, "make a timer");
}

SelfEndTimer::~SelfEndTimer() { ::timer_delete(timer_); }

void SelfEndTimer::arm(std::chrono::milliseconds within) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(within);
  itimerspec when{};
  when.it_value.tv_sec = seconds.count();
  when.it_value.tv_nsec = std::chrono::nanoseconds(within - seconds).count();
  ::timer_settime(timer_, 0, &when, nullptr);
}

}  // namespace litewright
