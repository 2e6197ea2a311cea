#include "base/disk_space.h"

#include <filesystem>
#include <limits>
#include <system_error>

namespace litewright {

DiskSpace disk_space(const std::string& path) {
  std::error_code failure;
  std::filesystem::path place = std::filesystem::absolute(path, failure);
  while (!failure && !std::filesystem::exists(place, failure) && place.has_relative_path()) {
    place = place.parent_path();
  }
  const auto space = std::filesystem::space(place, failure);
  if (failure) return {std::numeric_limits<std::uint64_t>::max(), 0};
  return {space.available, space.capacity};
}

}  // namespace litewright
