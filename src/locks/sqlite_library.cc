#include "locks/sqlite_library.h"

#include <algorithm>
#include <string_view>

namespace litewright {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMagic = "SQLite format 3\0"sv;
constexpr std::string_view kVersionStart = "3."sv;
constexpr std::string_view kSourceIdStart = "\00020"sv;
// NUL, "2022-12-28 14:03:47 ", at least 60 digits of a hash.
constexpr std::string_view kSourceIdShape = "2ddd-dd-dd dd:dd:dd "sv;
constexpr std::size_t kHashDigits = 60;
constexpr std::size_t kLongestHash = 64;
constexpr std::size_t kLongestVersion = 12;
// Longer than anything looked for.
constexpr std::size_t kOverlap = 128;
constexpr std::size_t kMostVersions = 1024;  // other programs' numbers look alike

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_printable(char c) { return c >= ' ' && c <= '~'; }
bool is_hash_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); }

// The source id at the beginning of `text`; empty where there is none.
std::string_view source_id_at(std::string_view text) {
  if (text.size() < kSourceIdShape.size() + kHashDigits) return {};
  for (std::size_t i = 0; i < kSourceIdShape.size(); ++i) {
    if (kSourceIdShape[i] == 'd' ? !is_digit(text[i]) : text[i] != kSourceIdShape[i]) return {};
  }
  std::size_t end = kSourceIdShape.size();
  while (end < text.size() && end < kSourceIdShape.size() + kLongestHash && is_hash_digit(text[end])) ++end;
  // At the end of a piece the rest may still come.
  const bool ends = end < text.size() || end == kSourceIdShape.size() + kLongestHash;
  return ends && end >= kSourceIdShape.size() + kHashDigits ? text.substr(0, end) : std::string_view{};
}

// "3.40.1" with its NUL behind it.
std::string_view version_at(std::string_view text) {
  const std::size_t end = text.substr(0, kLongestVersion).find('\0');
  if (end == std::string_view::npos) return {};
  const std::string_view version = text.substr(0, end);
  const bool shape = std::ranges::all_of(version, [](char c) { return is_digit(c) || c == '.'; });
  const auto dots = std::ranges::count(version, '.');
  return shape && is_digit(version.back()) && (dots == 2 || dots == 3) ? version : std::string_view{};
}

template <class Act>
void for_each(std::string_view text, std::string_view wanted, Act act) {
  for (std::size_t at = text.find(wanted); at != std::string_view::npos; at = text.find(wanted, at + 1))
    act(at);
}

}  // namespace

void SqliteSearch::feed(Bytes piece) {
  std::string text = std::move(tail_);
  text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  look_at(text, tail_offset_);
  const std::size_t keep = std::min(kOverlap, text.size());
  tail_offset_ += text.size() - keep;
  tail_ = text.substr(text.size() - keep);
}

void SqliteSearch::look_at(std::string_view text, std::size_t offset) {
  has_magic_ = has_magic_ || text.find(kMagic) != std::string_view::npos;
  for_each(text, kSourceIdStart, [&](std::size_t at) {
    if (!source_id_.empty()) return;
    source_id_ = source_id_at(text.substr(at + 1));
    source_id_offset_ = offset + at;
  });
  for_each(text, kVersionStart, [&](std::size_t at) {
    // Where a text begins: behind the NUL of another, or behind any table of bytes.
    if (at == 0 || is_printable(text[at - 1])) return;
    const std::string_view version = version_at(text.substr(at));
    if (version.empty() || versions_.size() >= kMostVersions) return;
    versions_.push_back({.offset = offset + at, .text = std::string(version)});
  });
}

std::optional<SqliteLibrary> SqliteSearch::result() const {
  // A program that only speaks of SQLite, as its shell does, has no version text of its own.
  if (!has_magic_ || source_id_.empty() || versions_.empty()) return std::nullopt;
  SqliteLibrary library = {.source_id = source_id_};
  const auto distance = [this](const Version& version) {
    return std::max(version.offset, source_id_offset_) - std::min(version.offset, source_id_offset_);
  };
  library.version = std::ranges::min_element(versions_, {}, distance)->text;
  return library;
}

}  // namespace litewright
