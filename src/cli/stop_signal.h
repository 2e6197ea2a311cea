// SIGINT, SIGTERM and SIGHUP as something a long command asks for: it finishes what it holds and leaves.
#pragma once

#include <chrono>
#include <csignal>

#include "base/file_descriptor.h"

namespace litewright {

// Catches the three signals for its lifetime and then gives the old handlers back. The handler only notes the
// signal: a flag and an eventfd. At the end a signal that came is handed on to who had it before, where that
// is a handler: a plan hears of what one of its steps was told. A signal that was ignored before stays so
// (nohup). One at a time in a process: a second throws Error{kInternal}. Every method may be called from any
// thread.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(StopSignal&&) = delete;
  StopSignal& operator=(StopSignal&&) = delete;

  static bool is_there();  // one, in this process
  bool requested() const;
  // How many came. Ctrl-C reaches every process of a terminal's group: only the first of them should count.
  int count() const;
  // The signal that came, 0 while none did.
  int signal() const;
  // For poll(2): readable from the first signal on, for good. Belongs to this object.
  int fd() const { return event_.get(); }
  // Sleeps until a signal comes or the time is up; true if one came. Comes back at once after the first one.
  bool wait_for(std::chrono::milliseconds time) const;

 private:
  struct sigaction before_[3] = {};
  FileDescriptor event_;
};

}  // namespace litewright
