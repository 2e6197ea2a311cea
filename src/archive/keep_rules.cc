#include "archive/keep_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/error.h"
#include "base/time_text.h"

namespace litewright {

using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

constexpr std::int64_t kSecondsInDay = 86'400;
// Clock changes fall on quarter hours of UTC: within one the offset is asked for once.
constexpr std::int64_t kOffsetStep = 900;

constexpr std::array<std::string_view, kKeepPeriods> kOneEach = {"one a minute", "one an hour", "one a day",
                                                                 "one a week",   "one a month", "one a year"};

constexpr std::int64_t floor_divided(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

// What tells one period from the next. Minutes and hours carry the offset: one that a clock change repeats is
// not the one before it.
std::pair<std::int64_t, std::int64_t> period_of(KeepPeriod period, std::int64_t utc, std::int64_t offset) {
  const std::int64_t local = utc + offset;
  const std::int64_t day = floor_divided(local, kSecondsInDay);
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  switch (period) {
    case KeepPeriod::kMinute:
      return {floor_divided(local, 60), offset};
    case KeepPeriod::kHour:
      return {floor_divided(local, 3600), offset};
    case KeepPeriod::kDay:
      return {day, 0};
    case KeepPeriod::kWeek:
      return {floor_divided(day + 3, 7), 0};  // 1970-01-01 was a Thursday
    case KeepPeriod::kMonth:
      return {int{date.year()} * 12 + static_cast<int>(unsigned{date.month()}), 0};
    case KeepPeriod::kYear:
      return {int{date.year()}, 0};
  }
  return {0, 0};
}

// Whole days and hours are what rules are made of.
std::string described(nanoseconds duration) {
  using namespace std::chrono_literals;
  if (duration.count() == 0 || duration % 1h != 0h) return format_duration(duration);
  if (duration % 24h == 0h && duration > 24h) return fmt::format("{} days", duration / 24h);
  return fmt::format("{} hours", duration / 1h);
}

std::string described(const KeepSpan& span) {
  std::string text;
  if (span.count) text = fmt::format(", {} of them", *span.count);
  if (span.within) text += " for " + described(*span.within);
  return text;
}

}  // namespace

bool KeepRules::keeps_anything_by_rule() const {
  return last > 0 || within || std::ranges::any_of(every, [](const auto& span) { return span.has_value(); });
}

bool KeepRules::empty() const { return !keeps_anything_by_rule() && !max_age && !max_bytes; }

KeepRules default_keep_rules() {
  using std::chrono::days;
  KeepRules rules;
  rules.within = days(1);
  rules.of(KeepPeriod::kMinute) = KeepSpan{.count = {}, .within = days(7)};
  rules.of(KeepPeriod::kHour) = KeepSpan{.count = {}, .within = days(30)};
  rules.of(KeepPeriod::kDay) = KeepSpan{.count = {}, .within = days(365)};
  return rules;
}

std::string_view keep_reason_name(KeepReason reason) {
  constexpr std::string_view kNames[] = {
      "-",           "pinned",       "newest",        "keep-min",    "",
      "keep-last",   "keep-within",  "keep-minutely", "keep-hourly", "keep-daily",
      "keep-weekly", "keep-monthly", "keep-yearly"};
  return kNames[static_cast<std::size_t>(reason)];
}

std::int64_t system_local_offset(std::int64_t utc_seconds) {
  const auto time = static_cast<std::time_t>(utc_seconds);
  std::tm fields = {};
  ::localtime_r(&time, &fields);
  return fields.tm_gmtoff;
}

KeepJudge::KeepJudge(const KeepRules& rules, WallTime now, LocalOffset offset)
    : rules_(rules),
      now_(now),
      offset_(std::move(offset)),
      by_rule_(rules.keeps_anything_by_rule()),
      before_(now) {
  for (std::size_t i = 0; i < kKeepPeriods; ++i) {
    if (rules.every[i]) periods_[i] = Period{.span = *rules.every[i], .kept = 0, .last = {}};
  }
}

std::int64_t KeepJudge::offset_at(std::int64_t utc) {
  if (utc < offset_from_ || utc >= offset_until_) {
    offset_from_ = floor_divided(utc, kOffsetStep) * kOffsetStep;
    offset_until_ = offset_from_ + kOffsetStep;
    offset_value_ = offset_(offset_from_);
  }
  return offset_value_;
}

// Whether the point is the newest of a period that the rule still reaches.
bool KeepJudge::takes(std::size_t index, WallTime at, nanoseconds age) {
  Period& period = *periods_[index];
  if (period.span.within && age > *period.span.within) return false;
  if (period.span.count && period.kept >= *period.span.count) return false;
  const std::int64_t utc = std::chrono::floor<seconds>(at).time_since_epoch().count();
  const auto key = period_of(static_cast<KeepPeriod>(index), utc, offset_at(utc));
  if (period.last == key) return false;
  period.last = key;
  ++period.kept;
  return true;
}

KeepReason KeepJudge::judge(WallTime at, bool pinned) {
  at = before_ = std::min(at, before_);
  const nanoseconds age = now_ - at;
  const std::uint64_t newer = seen_++;
  // Every rule sees every point: none keeps a second of a period because another took the first.
  KeepReason reason = KeepReason::kNone;
  for (std::size_t i = kKeepPeriods; i-- > 0;) {
    if (periods_[i] && takes(i, at, age)) {
      reason = static_cast<KeepReason>(static_cast<std::size_t>(KeepReason::kMinutely) + i);
    }
  }
  if (rules_.within && age <= *rules_.within) reason = KeepReason::kWithin;
  if (newer < rules_.last) reason = KeepReason::kLast;
  if (!by_rule_) reason = KeepReason::kAll;
  if (rules_.max_age && age > *rules_.max_age) reason = KeepReason::kNone;
  if (newer < rules_.min) reason = KeepReason::kMinimum;
  if (newer == 0) reason = KeepReason::kNewest;
  return pinned ? KeepReason::kPinned : reason;
}

std::vector<KeepReason> judge_points(std::span<const KeepPoint> newest_first, const KeepRules& rules,
                                     WallTime now, const LocalOffset& offset) {
  KeepJudge judge(rules, now, offset);
  std::vector<KeepReason> verdicts;
  std::uint64_t bytes = 0;
  for (const KeepPoint& point : newest_first) {
    verdicts.push_back(judge.judge(point.at, point.pinned));
    if (verdicts.back() != KeepReason::kNone) bytes += point.bytes;
  }
  const std::size_t safe = std::max<std::size_t>(1, rules.min);
  for (std::size_t i = newest_first.size(); rules.max_bytes && bytes > *rules.max_bytes && i > safe; --i) {
    if (verdicts[i - 1] == KeepReason::kNone || newest_first[i - 1].pinned) continue;
    verdicts[i - 1] = KeepReason::kNone;
    bytes -= newest_first[i - 1].bytes;
  }
  return verdicts;
}

KeepSpan parse_keep_span(std::string_view text) {
  KeepSpan span;
  if (text == "all") return span;
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (!text.empty() && error == std::errc() && end == text.data() + text.size()) {
    span.count = count;
    return span;
  }
  try {
    span.within = parse_duration(text);
  } catch (const Error&) {
    throw Error(ErrorCode::kUsage, fmt::format("not a number of periods or a duration: '{}'", text),
                "write '30' (of them), '7d' (how long back) or 'all'");
  }
  return span;
}

std::string describe(const KeepRules& rules) {
  std::vector<std::string> parts;
  if (rules.last > 0) parts.push_back(fmt::format("the newest {}", rules.last));
  if (rules.within) parts.push_back("all for " + described(*rules.within));
  for (std::size_t i = 0; i < kKeepPeriods; ++i) {
    if (rules.every[i]) parts.push_back(std::string(kOneEach[i]) + described(*rules.every[i]));
  }
  if (parts.empty()) parts.push_back("all");
  if (rules.max_age) parts.push_back("none older than " + described(*rules.max_age));
  if (rules.max_bytes) parts.push_back("at most " + format_size(*rules.max_bytes));
  if (rules.min > 0) parts.push_back(fmt::format("at least the newest {}", rules.min));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace litewright
