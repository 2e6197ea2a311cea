// The end of a command that works on a file nobody vouches for, where nothing else ends it: SQLite can't be
// interrupted within a function of its own, and a hostile schema can keep one busy for hours.
#pragma once

#include <chrono>
#include <string>
#include <thread>

namespace litewright {

// While it lives a thread looks at the CPU time of this process. Beyond `cpu` it says so on stderr and ends
// the process with 65, as it stands: only for a command that has nothing to put back.
class HardStop {
 public:
  HardStop(std::string database, std::chrono::nanoseconds cpu);
  // More than a task is allowed that gives up by itself where it can: for it to say so.
  static constexpr std::chrono::seconds kLastWord{1};

 private:
  std::jthread watch_;
};

}  // namespace litewright
