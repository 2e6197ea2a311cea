// Runs a command in a child process under a watchdog. A follower that is stopped (SIGSTOP, a debugger, a
// frozen cgroup) while it keeps writers out would stop the application with it: the watchdog ends it and
// starts another (FACTS 31). The child is also what a crash takes down: the watchdog starts it again. Linux.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

#include "base/wake_event.h"

namespace litewright {

// Shared between the watchdog and its child.
struct GateClock {
  std::atomic<std::int64_t> entered_ns{0};  // steady clock; 0: not in the gate
  WakeEvent entered;                        // wakes the watchdog, which else sleeps
  // For the child: `at_ns` by the steady clock.
  void enter(std::int64_t at_ns) {
    entered_ns = at_ns;
    entered.signal();
  }
  void leave() { entered_ns = 0; }

  std::atomic<bool> hurry{false};              // a second stop signal came: leave what takes time
  std::atomic<bool> has_database_open{false};  // its connections are still to be closed (FACTS 28)
  // The child ends now, with status 1. A thread of it that waits for a disk may keep it from that: nobody
  // waits for it then.
  std::atomic<bool> ends{false};
};

struct SuperviseOptions {
  std::chrono::milliseconds longest_gate{1500};
  int restarts_a_minute = 5;
  std::chrono::milliseconds hurried_end{1000};  // for a child that was told to hurry and has no database open
  bool reloads = false;                         // SIGHUP is handed on to the child, instead of stopping it
  std::function<void(const char*)> notice;      // the child was ended or ended badly, and another is started
};

// Forks; must be called before any thread or database connection exists. In the child it returns run(gate,
// generation); in the parent the child's exit status, after forwarding SIGTERM and SIGINT to it. A second
// signal sets `hurry`; a child that is then held up by something else than the database is ended, and the
// status is 1; so it is where the child can't even be ended. `generation` counts the children.
int supervise(const SuperviseOptions& options, const std::function<int(GateClock&, int generation)>& run);

}  // namespace litewright
