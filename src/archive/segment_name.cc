#include <fmt/format.h>

#include <charconv>

#include "archive/segment.h"

namespace litewright {

namespace {

constexpr std::string_view kFolder = "segments/";
constexpr std::string_view kExtension = ".lws";
constexpr std::string_view kGeneration = "-g";

// 16 digits, or up to 20 without leading zeros.
std::optional<std::uint64_t> parse_number(std::string_view digits) {
  const bool padded = digits.size() == 16;
  if (!padded && (digits.size() < 17 || digits.size() > 20 || digits[0] == '0')) return std::nullopt;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

}  // namespace

std::string segment_name(Txid base, Txid last, unsigned generation) {
  const std::string suffix = generation == 0 ? "" : fmt::format("{}{}", kGeneration, generation);
  return fmt::format("{}{:016}-{:016}{}{}", kFolder, base.value, last.value, suffix, kExtension);
}

std::optional<std::pair<Txid, Txid>> parse_segment_name(std::string_view name) {
  if (!name.starts_with(kFolder) || !name.ends_with(kExtension)) return std::nullopt;
  if (name.size() <= kFolder.size() + kExtension.size()) return std::nullopt;
  name.remove_prefix(kFolder.size());
  name.remove_suffix(kExtension.size());
  if (const auto generation = name.rfind(kGeneration); generation != std::string_view::npos) {
    const std::string_view digits = name.substr(generation + kGeneration.size());
    const bool number = !digits.empty() && digits.size() <= 4 && digits[0] != '0' &&
                        digits.find_first_not_of("0123456789") == std::string_view::npos;
    if (!number) return std::nullopt;
    name = name.substr(0, generation);
  }
  const auto dash = name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto base = parse_number(name.substr(0, dash));
  const auto last = parse_number(name.substr(dash + 1));
  if (!base || !last || *base >= *last) return std::nullopt;
  return std::pair(Txid(*base), Txid(*last));
}

}  // namespace litewright
