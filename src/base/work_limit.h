// How much a task may do over bytes that nobody vouches for, in CPU time of this process: waiting for a slow
// disk or for a turn on a busy machine does not count.
#pragma once

#include <chrono>

namespace litewright {

// Counts from its making on. Any number of threads may ask.
class WorkLimit {
 public:
  explicit WorkLimit(std::chrono::nanoseconds cpu);
  // Asks the system only when so much time has gone by that all cores together may have spent it.
  bool spent() const;
  std::chrono::nanoseconds cpu() const { return cpu_; }

 private:
  std::chrono::nanoseconds cpu_, counted_before_;
  std::chrono::steady_clock::time_point look_from_;
};

// While it lives, and for its thread, work does not count: that which the machine asks for and not the bytes,
// as a look at all its processes and their locks.
class UncountedWork {
 public:
  UncountedWork();
  ~UncountedWork();
  UncountedWork(const UncountedWork&) = delete;
  UncountedWork& operator=(const UncountedWork&) = delete;

 private:
  std::chrono::nanoseconds used_before_;
};

}  // namespace litewright
