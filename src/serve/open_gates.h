// Which guards keep writers out at this moment, and since when: the watchdog ends the process when the oldest
// of them does not leave (FACTS 31), so it must hear of one, whichever that is.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <set>

#include "base/clock.h"
#include "base/self_end_timer_linux.h"

namespace litewright {

class OpenGates {
 public:
  struct Watchdog {
    std::function<void(SteadyTime)> oldest = {};  // of the gates that are open now
    std::function<void()> none = {};              // no gate is open
    std::function<void(bool)> databases = {};     // whether any database is open
  };
  // The watchdog's functions are called under a lock: they return at once and never throw.
  OpenGates(const Clock& clock, Watchdog watchdog) : clock_(clock), watchdog_(std::move(watchdog)) {}

  // Of one guard, on its own thread.
  class Gate {
   public:
    explicit Gate(OpenGates& gates) : gates_(gates) {}
    ~Gate();
    Gate(Gate&&) = delete;
    Gate& operator=(Gate&&) = delete;
    void enter_or_leave(bool inside);
    void open_or_close_database(bool open);

   private:
    OpenGates& gates_;
    bool inside_ = false, database_open_ = false;
    std::multiset<SteadyTime>::iterator entered_ = {};
  };

 private:
  void tell(bool oldest_changed);  // under mutex_

  const Clock& clock_;
  Watchdog watchdog_;
  std::mutex mutex_;
  std::multiset<SteadyTime> entered_;
  std::size_t databases_ = 0;
  SelfEndTimer last_resort_;  // where the watchdog is killed too
};

}  // namespace litewright
