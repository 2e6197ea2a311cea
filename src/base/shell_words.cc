#include "base/shell_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_text.h"

namespace litewright {
namespace {

constexpr unsigned char kDelete = 0x7f, kFirstOfTwo = 0xc2, kFirstC1 = 0x80, kLastC1 = 0x9f;

unsigned char byte(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

// How many bytes of a control character stand there: 0, 1, or 2 for U+0080 to U+009F.
std::size_t control_at(std::string_view text, std::size_t at) {
  const unsigned char c = byte(text, at), next = byte(text, at + 1);
  if (c < ' ' || c == kDelete) return 1;
  return c == kFirstOfTwo && next >= kFirstC1 && next <= kLastC1 ? 2 : 0;
}

bool is_ordinary(unsigned char c) {
  constexpr std::string_view kSigns = "_@%+=:,./-";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kSigns.find(static_cast<char>(c)) != std::string_view::npos;
}

std::string in_ascii(std::string_view text) {
  std::string made = "$'";
  for (const unsigned char c : text) {
    if (c < ' ' || c >= kDelete) {
      made += fmt::format("\\{:03o}", c);
      continue;
    }
    if (c == '\'' || c == '\\') made += '\\';
    made += static_cast<char>(c);
  }
  return made + "'";
}

}  // namespace

std::string shell_quoted(std::string_view text) {
  if (!text.empty() && std::ranges::all_of(text, is_ordinary)) return std::string(text);
  if (printable(text) != text || as_utf8(text) != text) return in_ascii(text);
  std::string made = "'";
  for (const char c : text) {
    if (c == '\'')
      made += "'\\''";
    else
      made += c;
  }
  return made + "'";
}

std::string printable(std::string_view text) {
  std::string made;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t control = control_at(text, at);
    made += control > 0 ? '?' : text[at];
    at += std::max<std::size_t>(control, 1);
  }
  return made;
}

}  // namespace litewright
