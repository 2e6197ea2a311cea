#include "base/prometheus_text.h"

#include <fmt/format.h>

#include <cmath>

#include "base/json_text.h"

namespace litewright {
namespace {

std::string escaped(std::string_view text) {
  std::string made;
  for (const char c : as_utf8(text)) {
    if (c == '\\' || c == '"') made += '\\';
    if (c == '\n')
      made += "\\n";
    else
      made += c;
  }
  return made;
}

constexpr double kLastWholeNumber = 9007199254740992;  // 2 to the 53rd: from there on a double skips some

// Whole numbers to the last digit, as far as a double has them.
std::string number(double value) {
  if (std::abs(value) <= kLastWholeNumber && value == std::floor(value)) return fmt::format("{:.0f}", value);
  return fmt::format("{:.13g}", value);
}

}  // namespace

void PrometheusText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  head_ = fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void PrometheusText::sample(Labels labels, double value) {
  text_ += head_;
  head_.clear();
  text_ += name_;
  char before = '{';
  for (const auto& [label, content] : labels) {
    if (content.empty()) continue;
    text_ += fmt::format("{}{}=\"{}\"", before, label, escaped(content));
    before = ',';
  }
  text_ += fmt::format("{} {}\n", before == ',' ? "}" : "", number(value));
}

}  // namespace litewright
