// Time, passed in: wall time in UTC nanoseconds for records, steady time for waiting; tests drive their own.
#pragma once

#include <chrono>
#include <cstdint>

namespace litewright {

// UTC, nanoseconds since 1970.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual SteadyTime steady() const = 0;
};

// The machine's clocks. Stateless; usable from every thread.
class SystemClock final : public Clock {
 public:
  WallTime wall() const override { return std::chrono::system_clock::now(); }
  SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace litewright
