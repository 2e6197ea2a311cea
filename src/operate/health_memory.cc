#include "operate/health_memory.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/json_text.h"

namespace litewright {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;
constexpr double kLeastSpan = 24 * 3600;  // seconds of samples before a trend is one

std::filesystem::path memory_file(const std::string& state_folder, const std::string& database) {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a: a name, not a proof
  for (const char c : database) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return std::filesystem::path(state_folder) / fmt::format("health-{:016x}.json", hash);
}

}  // namespace

std::optional<double> seconds_until_full(const std::vector<DiskSample>& samples, const DiskSample& now) {
  if (samples.empty() || static_cast<double>(now.seconds - samples.front().seconds) < kLeastSpan)
    return std::nullopt;
  // Least squares, from the first sample on, so that the figures stay small.
  double n = 0, sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
  const auto add = [&](const DiskSample& sample) {
    const double x = static_cast<double>(sample.seconds - samples.front().seconds);
    const double y = static_cast<double>(sample.free_bytes);
    n += 1, sum_x += x, sum_y += y, sum_xx += x * x, sum_xy += x * y;
  };
  for (const DiskSample& sample : samples) add(sample);
  add(now);
  const double spread = n * sum_xx - sum_x * sum_x;
  if (spread <= 0) return std::nullopt;
  const double slope = (n * sum_xy - sum_x * sum_y) / spread;  // bytes a second
  if (slope >= 0) return std::nullopt;
  return static_cast<double>(now.free_bytes) / -slope;
}

bool HealthMemory::remember(const DiskSample& sample) {
  if (!disk.empty() && sample.seconds - disk.back().seconds < kSampleInterval) return false;
  disk.push_back(sample);
  if (disk.size() > kMostSamples) disk.erase(disk.begin(), disk.end() - kMostSamples);
  return true;
}

HealthMemory read_health_memory(const std::string& state_folder, const std::string& database) {
  HealthMemory memory;
  if (state_folder.empty()) return memory;
  try {
    const std::filesystem::path file = memory_file(state_folder, database);
    if (!std::filesystem::exists(file)) return memory;
    const auto json = parse_json(read_whole_file(file, kMostBytes));
    for (const auto& sample : json.at("disk")) {
      memory.disk.push_back({sample.at(0).get<std::int64_t>(), sample.at(1).get<std::uint64_t>()});
    }
    memory.statistics = json.at("statistics").get<std::string>();
    memory.statistics_since = json.at("statistics_since").get<std::int64_t>();
  } catch (const std::exception&) {
    return {};
  }
  return memory;
}

void write_health_memory(const std::string& state_folder, const std::string& database,
                         const HealthMemory& memory) {
  if (state_folder.empty()) return;
  nlohmann::json json = {{"disk", nlohmann::json::array()},
                         {"statistics", memory.statistics},
                         {"statistics_since", memory.statistics_since}};
  for (const DiskSample& sample : memory.disk) json["disk"].push_back({sample.seconds, sample.free_bytes});
  const std::string text = json_text(json) + "\n";
  try {
    write_file_durably(memory_file(state_folder, database), std::as_bytes(std::span(text)));
  } catch (const Error&) {
    // A cache: without it the next check has no trend.
  }
}

}  // namespace litewright
