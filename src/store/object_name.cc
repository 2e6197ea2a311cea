#include "store/object_name.h"

#include <fmt/format.h>

#include "base/error.h"

namespace litewright {

namespace {

bool allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

bool valid_part(std::string_view part) {
  if (part.empty() || part == "." || part == "..") return false;
  for (const char c : part) {
    if (!allowed(c)) return false;
  }
  return true;
}

// Cuts at every '/': "a//b" has an empty part.
std::vector<std::string_view> split(std::string_view name) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  for (std::size_t end = name.find('/'); end != std::string_view::npos; end = name.find('/', begin)) {
    parts.push_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  parts.push_back(name.substr(begin));
  return parts;
}

std::string printable(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, 80)) {
    const bool plain = c >= 0x20 && c < 0x7f;
    if (plain) out += c;
    if (!plain) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace

bool valid_object_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxObjectNameBytes || name == "lock") return false;
  const auto parts = split(name);
  if (parts.size() > kMaxObjectNameParts) return false;
  for (const auto part : parts) {
    if (!valid_part(part)) return false;
  }
  return true;
}

std::vector<std::string> object_name_parts(std::string_view name) {
  if (!valid_object_name(name)) {
    throw Error(ErrorCode::kUsage, fmt::format("'{}' is no name for an object", printable(name)),
                "names are parts of letters, digits, '.', '_' and '-', separated by '/'");
  }
  std::vector<std::string> parts;
  for (const auto part : split(name)) parts.emplace_back(part);
  return parts;
}

}  // namespace litewright
