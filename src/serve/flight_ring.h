// The last minutes of one database's locks, WAL and commits, in memory: reports of `litewright locks --watch
// --json`, the oldest forgotten first. Says when they are worth keeping: when somebody held a lock for long.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace litewright {

struct FlightLimits {
  std::chrono::nanoseconds kept = std::chrono::minutes(5);
  std::size_t most_bytes = 4 << 20;
  std::chrono::nanoseconds stall = std::chrono::seconds(5);  // a lock that keeps writers out for so long
  std::chrono::nanoseconds apart = std::chrono::minutes(5);  // between two that are worth keeping
  bool operator==(const FlightLimits&) const = default;
};

// One report, and what of it decides.
struct FlightSample {
  std::string line = {};            // litewright/locks/1
  double longest_held_seconds = 0;  // of locks that keep writers or checkpoints out
  std::string holder = {};          // of that: "pid 4711 writes"
  std::string critical = {};        // the id of a critical finding
};

// Empty where the line is no such report.
std::optional<FlightSample> flight_sample(std::string_view line);

class FlightRing {
 public:
  explicit FlightRing(const FlightLimits& limits) : limits_(limits) {}

  // Why all of it is worth keeping now; empty: it is not. Times grow.
  std::optional<std::string> note(FlightSample sample, SteadyTime now);

  std::size_t size() const { return samples_.size(); }
  std::string lines() const;  // the oldest first, a line feed behind each

 private:
  struct Kept {
    SteadyTime time;
    std::string line;
  };
  FlightLimits limits_;
  std::deque<Kept> samples_;
  std::size_t bytes_ = 0;
  std::optional<SteadyTime> worth_ = {};  // when it was last
};

}  // namespace litewright
