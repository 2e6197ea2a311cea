#include "archive/keep_words.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "base/time_text.h"

namespace litewright {
namespace {

constexpr const char* kPeriodOptions[kKeepPeriods] = {"keep-minutely", "keep-hourly",  "keep-daily",
                                                      "keep-weekly",   "keep-monthly", "keep-yearly"};

std::uint64_t parse_count(const std::string& option, const std::string& text) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || count == 0) {
    throw Error(ErrorCode::kUsage, fmt::format("--{}: not a number from 1 on: '{}'", option, text));
  }
  return count;
}

std::chrono::nanoseconds parse_reach(const std::string& option, const std::string& text) {
  const std::chrono::nanoseconds reach = parse_duration(text);
  if (reach.count() <= 0)
    throw Error(ErrorCode::kUsage, fmt::format("--{}: '{}' reaches nothing", option, text));
  return reach;
}

}  // namespace

KeepRules read_keep_rules(const std::function<std::optional<std::string>(const std::string& option)>& value) {
  KeepRules rules;
  if (const auto last = value("keep-last")) rules.last = parse_count("keep-last", *last);
  if (const auto within = value("keep-within")) rules.within = parse_reach("keep-within", *within);
  for (std::size_t i = 0; i < kKeepPeriods; ++i) {
    if (const auto span = value(kPeriodOptions[i])) rules.every[i] = parse_keep_span(*span);
  }
  if (const auto min = value("keep-min")) rules.min = parse_count("keep-min", *min);
  if (const auto age = value("max-age")) rules.max_age = parse_reach("max-age", *age);
  if (const auto bytes = value("max-bytes")) rules.max_bytes = parse_size(*bytes);
  if (rules.min > 0 && rules.empty()) {
    throw Error(ErrorCode::kUsage, "--keep-min alone limits nothing",
                "give --max-age, --max-bytes or a rule beside it");
  }
  return rules;
}

}  // namespace litewright
