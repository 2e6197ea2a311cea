// Ends this process when it does not get on in time, whatever holds it up: the kernel sends it SIGKILL, also
// while it is stopped (SIGSTOP, a debugger), when no thread of its own could. For whoever keeps others
// waiting, as in the gate (FACTS 31). Not handed on to a child by fork(). Linux.
#pragma once

#include <time.h>

#include <chrono>

namespace litewright {

// May be used from several threads.
class SelfEndTimer {
 public:
  SelfEndTimer();  // throws by error_from_errno
  ~SelfEndTimer();
  SelfEndTimer(SelfEndTimer&&) = delete;
  SelfEndTimer& operator=(SelfEndTimer&&) = delete;

  // From now on; begins anew where it was armed.
  void arm(std::chrono::milliseconds within);
  void disarm() { arm(std::chrono::milliseconds(0)); }

 private:
  timer_t timer_{};
};

}  // namespace litewright
