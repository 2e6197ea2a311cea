#include "format/library_version.h"

#include <charconv>

namespace litewright {

std::uint32_t library_version_number(std::string_view text) {
  constexpr std::uint32_t kMostOfAPart = 999;
  std::uint32_t number = 0;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (int i = 0; i < 3; i++) {
    std::uint32_t part = 0;
    const auto [next, error] = std::from_chars(at, end, part);
    if (error != std::errc() || part > kMostOfAPart) return 0;
    number = number * 1000 + part;
    at = next == end ? next : next + 1;
  }
  return number;
}

bool has_wal_reset_defect(std::string_view version) {
  const std::uint32_t number = library_version_number(version);
  if (number < 3'007'000 || number > 3'051'002) return false;
  const std::uint32_t branch = number / 1000, patch = number % 1000;
  const bool mended_branch = (branch == 3050 && patch >= 7) || (branch == 3044 && patch >= 6);
  return !mended_branch;
}

}  // namespace litewright
