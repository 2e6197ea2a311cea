#include "cli/keep_options.h"

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

std::vector<Option> keep_options() {
  return {
      {.name = "keep-last", .value = "N", .help = "keep the newest N"},
      {.name = "keep-within", .value = "DURATION", .help = "keep all that are no older (24h, 7d)"},
      {.name = "keep-minutely",
       .value = "SPAN",
       .help = "keep one a minute: for so many minutes that have one (30), for so long (7d), or all"},
      {.name = "keep-hourly", .value = "SPAN", .help = "keep one an hour"},
      {.name = "keep-daily", .value = "SPAN", .help = "keep one a day, by the local calendar"},
      {.name = "keep-weekly", .value = "SPAN", .help = "keep one a week, from Monday on"},
      {.name = "keep-monthly", .value = "SPAN", .help = "keep one a month"},
      {.name = "keep-yearly", .value = "SPAN", .help = "keep one a year"},
      {.name = "keep-min", .value = "N", .help = "keep the newest N in spite of --max-age and --max-bytes"},
      {.name = "max-age", .value = "DURATION", .help = "keep none that is older, whatever rule kept it"},
      {.name = "max-bytes", .value = "SIZE", .help = "keep no more than so much: the oldest go first"},
  };
}

KeepRules keep_rules_given(const Invocation& invocation) {
  KeepRules rules;
  if (const auto last = invocation.value("keep-last")) rules.last = parse_count("keep-last", *last);
  if (const auto within = invocation.value("keep-within")) rules.within = parse_reach("keep-within", *within);
  for (std::size_t i = 0; i < kKeepPeriods; ++i) {
    if (const auto span = invocation.value(kPeriodOptions[i])) rules.every[i] = parse_keep_span(*span);
  }
  if (const auto min = invocation.value("keep-min")) rules.min = parse_count("keep-min", *min);
  if (const auto age = invocation.value("max-age")) rules.max_age = parse_reach("max-age", *age);
  if (const auto bytes = invocation.value("max-bytes")) rules.max_bytes = parse_size(*bytes);
  if (rules.min > 0 && rules.empty()) {
    throw Error(ErrorCode::kUsage, "--keep-min alone limits nothing",
                "give --max-age, --max-bytes or a rule beside it");
  }
  return rules;
}

}  // namespace litewright
