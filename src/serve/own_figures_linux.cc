#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "serve/metrics.h"

namespace litewright {
namespace {

// proc(5): fields of /proc/PID/stat, counted from the state letter behind the name as 3.
constexpr int kUserTicks = 14, kSystemTicks = 15, kStartTicks = 22, kResidentPages = 24;

std::optional<double> boot_time() {
  std::ifstream file("/proc/stat");
  std::string word;
  for (double seconds = 0; file >> word;) {
    if (word == "btime" && file >> seconds) return seconds;
  }
  return std::nullopt;
}

}  // namespace

std::optional<ProcessFigures> own_figures() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  const auto boot = boot_time();
  if (!std::getline(file, line) || !boot) return std::nullopt;
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(name_end + 1));
  const auto tick = static_cast<double>(::sysconf(_SC_CLK_TCK));
  ProcessFigures figures;
  std::string word;
  for (int field = 3; field <= kResidentPages && rest >> word; ++field) {
    if (field == kUserTicks || field == kSystemTicks) figures.cpu_seconds += std::stod(word) / tick;
    if (field == kStartTicks) figures.start_time_seconds = *boot + std::stod(word) / tick;
    if (field == kResidentPages)
      figures.resident_bytes = std::stod(word) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  }
  std::error_code failure;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", failure))
    ++figures.open_descriptors;
  return figures;
}

}  // namespace litewright
