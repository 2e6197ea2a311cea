#include "base/process_origin_linux.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace litewright {
namespace {

constexpr std::size_t kIdDigits = 64;
constexpr std::size_t kShortId = 12;
constexpr std::array<std::string_view, 2> kNamePrefixes = {"lxc.payload.", "machine-"};

bool is_id_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// "docker-0123….scope", "0123…", "cri-containerd-0123….scope", "lxc.payload.web", "machine-web.scope".
std::string container_of_part(std::string_view part) {
  std::size_t digits = 0;
  for (std::size_t i = 0; i < part.size(); ++i) {
    digits = is_id_digit(part[i]) ? digits + 1 : 0;
    if (digits == kIdDigits) return std::string(part.substr(i + 1 - kIdDigits, kShortId));
  }
  for (const std::string_view prefix : kNamePrefixes) {
    if (!part.starts_with(prefix)) continue;
    part.remove_prefix(prefix.size());
    return std::string(part.substr(0, part.find(".scope")));
  }
  return "";
}

}  // namespace

std::string container_of(std::string_view cgroup) {
  while (!cgroup.empty()) {
    const std::size_t end = std::min(cgroup.find_first_of("/\n"), cgroup.size());
    if (std::string found = container_of_part(cgroup.substr(0, end)); !found.empty()) return found;
    cgroup.remove_prefix(std::min(end + 1, cgroup.size()));
  }
  return "";
}

pid_t innermost_pid(std::string_view status) {
  constexpr std::string_view kLine = "\nNSpid:";
  const std::size_t at = status.find(kLine);
  if (at == std::string_view::npos) return 0;
  status = status.substr(at + kLine.size());
  status = status.substr(0, status.find('\n'));
  int numbers = 0;
  pid_t last = 0;
  while (!status.empty()) {
    status.remove_prefix(std::min(status.find_first_not_of("\t "), status.size()));
    const auto [end, error] = std::from_chars(status.data(), status.data() + status.size(), last);
    if (error != std::errc()) break;
    ++numbers;
    status.remove_prefix(static_cast<std::size_t>(end - status.data()));
  }
  return numbers > 1 ? last : 0;
}

}  // namespace litewright
