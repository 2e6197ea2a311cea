#include "check/key_form.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/checksum.h"
#include "check/whole_number.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

enum class Tag : std::uint64_t { kInteger = 1, kReal, kText, kBlob };

std::uint64_t mixed(std::uint64_t value, Tag tag, std::uint64_t seed) {
  return combined_key(combined_key(seed, static_cast<std::uint64_t>(tag)), value);
}

std::uint64_t number_hash(double number, std::uint64_t seed) {
  if (const auto integer = whole_number(number)) {
    return mixed(static_cast<std::uint64_t>(*integer), Tag::kInteger, seed);
  }
  return mixed(std::bit_cast<std::uint64_t>(number), Tag::kReal, seed);
}

enum class TextNumber : std::uint8_t { kInteger, kNone, kUndecided };

// Text as numeric affinity takes it: digits with a sign are decided here, so is what holds a character that
// no number has.
TextNumber text_number(Bytes text, std::int64_t& integer) {
  constexpr std::size_t kMostDigits = 18;
  const std::string_view all(reinterpret_cast<const char*>(text.data()), text.size());
  if (all.empty()) return TextNumber::kNone;
  const bool possible = std::ranges::all_of(
      all, [](char c) { return (c >= '0' && c <= '9') || std::string_view("+-.eE \t\n\v\f\r").contains(c); });
  if (!possible && all.find('\0') == std::string_view::npos) return TextNumber::kNone;
  const std::string_view digits = all.substr(all[0] == '-' || all[0] == '+' ? 1 : 0);
  if (digits.empty() || digits.size() > kMostDigits ||
      !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) {
    return TextNumber::kUndecided;
  }
  std::from_chars(digits.data(), digits.data() + digits.size(), integer);
  if (all[0] == '-') integer = -integer;
  return TextNumber::kInteger;
}

// NOCASE folds ASCII up to the first NUL and compares lengths behind it; RTRIM leaves out blanks at the end.
std::uint64_t text_hash(Bytes text, KeyRule::Fold fold, std::uint64_t seed, std::vector<std::byte>& scratch) {
  const std::uint64_t seeded = seed + static_cast<std::uint64_t>(Tag::kText);
  if (fold == KeyRule::Fold::kNone) return checksum64(text, seeded);
  if (fold == KeyRule::Fold::kTrimRight) {
    while (!text.empty() && text.back() == std::byte{' '}) text = text.first(text.size() - 1);
    return checksum64(text, seeded);
  }
  scratch.assign(text.begin(), std::ranges::find(text, std::byte{0}));
  for (std::byte& b : scratch) {
    if (b >= std::byte{'A'} && b <= std::byte{'Z'}) b |= std::byte{0x20};
  }
  return combined_key(checksum64(scratch, seeded), text.size());
}

bool is_numeric(Affinity affinity) { return affinity >= Affinity::kNumeric; }

KeyNumber hashed_number(const Value& value, const KeyRule& rule, KeySide side, std::uint64_t seed) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  const bool becomes_text = side == KeySide::kChild && rule.affinity == Affinity::kText;
  if (!becomes_text) {
    if (integer == nullptr) return {.number = number_hash(std::get<double>(value), seed)};
    return {.number = mixed(static_cast<std::uint64_t>(*integer), Tag::kInteger, seed)};
  }
  if (integer == nullptr || rule.child_real || !rule.utf8) return {KeyState::kUndecided};
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, *integer).ptr;
  std::vector<std::byte> none;  // digits fold to themselves, whatever the collation
  const Bytes text = std::as_bytes(std::span(digits, static_cast<std::size_t>(end - digits)));
  return {.number = text_hash(text, rule.fold, seed, none)};
}

KeyNumber hashed_text(Bytes text, const KeyRule& rule, KeySide side, std::uint64_t seed,
                      std::vector<std::byte>& scratch) {
  if (!rule.utf8 && rule.fold != KeyRule::Fold::kNone) return {KeyState::kUndecided};
  if (side == KeySide::kChild && is_numeric(rule.affinity)) {
    if (!rule.utf8) return {KeyState::kUndecided};
    std::int64_t integer = 0;
    const TextNumber kind = text_number(text, integer);
    if (kind == TextNumber::kUndecided) return {KeyState::kUndecided};
    if (kind == TextNumber::kInteger) {
      return {.number = mixed(static_cast<std::uint64_t>(integer), Tag::kInteger, seed)};
    }
  }
  return {.number = text_hash(text, rule.fold, seed, scratch)};
}

}  // namespace

bool fold_of(std::string_view collation, KeyRule::Fold& fold) {
  fold = KeyRule::Fold::kNone;
  if (same_name(collation, "NOCASE")) fold = KeyRule::Fold::kNoCase;
  if (same_name(collation, "RTRIM")) fold = KeyRule::Fold::kTrimRight;
  return fold != KeyRule::Fold::kNone || same_name(collation, "BINARY");
}

KeyNumber rowid_key(const Value& child, bool utf8) {
  if (const auto* integer = std::get_if<std::int64_t>(&child)) {
    return {.number = static_cast<std::uint64_t>(*integer)};
  }
  if (std::holds_alternative<std::monostate>(child)) return {KeyState::kNull};
  if (const auto* number = std::get_if<double>(&child)) {
    const auto integer = whole_number(*number);
    // SQLite takes a real for a rowid only within the limits, the lowest excluded.
    if (!integer || *integer == std::numeric_limits<std::int64_t>::min()) return {KeyState::kNoMatch};
    return {.number = static_cast<std::uint64_t>(*integer)};
  }
  if (std::holds_alternative<BlobValue>(child)) return {KeyState::kNoMatch};
  if (!utf8) return {KeyState::kUndecided};
  std::int64_t integer = 0;
  const TextNumber kind = text_number(std::get<TextValue>(child).bytes, integer);
  if (kind == TextNumber::kUndecided) return {KeyState::kUndecided};
  if (kind == TextNumber::kNone) return {KeyState::kNoMatch};
  return {.number = static_cast<std::uint64_t>(integer)};
}

KeyNumber hashed_key(const Value& value, const KeyRule& rule, KeySide side, std::uint64_t seed,
                     std::vector<std::byte>& scratch) {
  if (std::holds_alternative<std::monostate>(value)) return {KeyState::kNull};
  if (const auto* text = std::get_if<TextValue>(&value)) {
    return hashed_text(text->bytes, rule, side, seed, scratch);
  }
  if (const auto* blob = std::get_if<BlobValue>(&value)) {
    return {.number = checksum64(blob->bytes, seed + static_cast<std::uint64_t>(Tag::kBlob))};
  }
  return hashed_number(value, rule, side, seed);
}

}  // namespace litewright
