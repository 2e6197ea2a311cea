// What one check leaves for the next: how full the disk was, and when the planner's statistics last changed.
// A small file in the state folder; losing it loses nothing but time.
//
// {"disk": [[UTC seconds, free bytes], …], "statistics": "hash", "statistics_since": UTC seconds}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace litewright {

struct DiskSample {
  std::int64_t seconds = 0;  // since 1970
  std::uint64_t free_bytes = 0;
};

// Samples are taken at most hourly and kept for a fortnight.
inline constexpr std::int64_t kSampleInterval = 3600;
inline constexpr std::size_t kMostSamples = std::size_t{14} * 24;

// Seconds until nothing is free, by a straight line through the samples and `now`: needs a day of them; empty
// where the disk does not fill.
std::optional<double> seconds_until_full(const std::vector<DiskSample>& samples, const DiskSample& now);

struct HealthMemory {
  std::vector<DiskSample> disk = {};  // oldest first
  std::string statistics = {};
  std::int64_t statistics_since = 0;

  bool remember(const DiskSample& sample);  // false: the last one is too young
};

// A file that is missing or not as it should be counts as none.
HealthMemory read_health_memory(const std::string& state_folder, const std::string& database);
// Nothing is done where `state_folder` is empty; what can't be written is left: the next check begins anew.
void write_health_memory(const std::string& state_folder, const std::string& database,
                         const HealthMemory& memory);

}  // namespace litewright
