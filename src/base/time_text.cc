#include "base/time_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <optional>
#include <utility>

#include "base/error.h"

namespace litewright {

using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

constexpr std::int64_t kSecondsInDay = 86'400;
constexpr std::int64_t kNanosInSecond = 1'000'000'000;
// What std::int64_t nanoseconds hold, in whole years.
constexpr int kFirstYear = 1970;
constexpr int kLastYear = 2261;
constexpr double kLongestDurationSeconds = 100.0 * 365 * kSecondsInDay;

// Eats `text` from the left.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  bool skip(char wanted) {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool skip_word(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  // Exactly `digits` digits, not above `most`.
  std::optional<int> number(std::size_t digits, int most) {
    if (rest_.size() < digits) return std::nullopt;
    int value = 0;
    for (const char c : rest_.substr(0, digits)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    if (value > most) return std::nullopt;
    rest_.remove_prefix(digits);
    return value;
  }
  // Digits of a fraction of a second, one to nine, as nanoseconds.
  std::optional<std::int64_t> fraction() {
    std::int64_t value = 0;
    std::int64_t unit = kNanosInSecond;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      if (unit == 1) return std::nullopt;
      unit /= 10;
      value += (rest_[0] - '0') * unit;
      rest_.remove_prefix(1);
    }
    if (unit == kNanosInSecond) return std::nullopt;
    return value;
  }
  // A decimal number without sign or exponent.
  std::optional<double> decimal() {
    const std::size_t length = std::min(rest_.find_first_not_of("0123456789."), rest_.size());
    double value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + length, value);
    if (length == 0 || error != std::errc() || end != rest_.data() + length) return std::nullopt;
    rest_.remove_prefix(length);
    return value;
  }

 private:
  std::string_view rest_;
};

struct ClockTime {
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::int64_t nanos = 0;

  std::int64_t seconds_of_day() const { return hour * 3600 + minute * 60 + second; }
};

Error not_a_time(std::string_view text) {
  return Error(ErrorCode::kUsage, fmt::format("not a time: '{}'", text),
               "times look like '2026-11-20 14:03:05', '2026-11-20T14:03:05Z', '-15m', 'yesterday 18:00'");
}

// The local zone's distance from UTC at `utc`, in seconds.
std::int64_t offset_at(std::int64_t utc) {
  const auto time = static_cast<std::time_t>(utc);
  std::tm fields = {};
  ::localtime_r(&time, &fields);
  return fields.tm_gmtoff;
}

// `local`: the local calendar read as if it were UTC. The offsets of a day before and after tell on which
// side of a clock change it lies (mktime leaves to chance which of two answers it gives).
std::int64_t local_to_utc(std::int64_t local) {
  const std::int64_t before = offset_at(local - kSecondsInDay);
  const std::int64_t after = offset_at(local + kSecondsInDay);
  const std::int64_t early = local - before;
  const std::int64_t late = local - after;
  if (offset_at(early) == before) return early;  // unchanged, or the first of two
  if (offset_at(late) == after) return late;
  return early;  // skipped by the clock
}

// Days from 1970-01-01, or nothing for a date that is in no calendar.
std::optional<std::int64_t> read_date(Reader& reader) {
  const auto year = reader.number(4, kLastYear);
  if (!year || *year < kFirstYear || !reader.skip('-')) return std::nullopt;
  const auto month = reader.number(2, 12);
  if (!month || !reader.skip('-')) return std::nullopt;
  const auto day = reader.number(2, 31);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)});
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

// HH:MM[:SS[.fraction]]
std::optional<ClockTime> read_clock_time(Reader& reader) {
  const auto hour = reader.number(2, 23);
  if (!hour || !reader.skip(':')) return std::nullopt;
  const auto minute = reader.number(2, 59);
  if (!minute) return std::nullopt;
  ClockTime time = {.hour = *hour, .minute = *minute};
  if (!reader.skip(':')) return time;
  const auto second = reader.number(2, 60);  // a leap second counts as the next one
  if (!second) return std::nullopt;
  time.second = *second;
  if (!reader.skip('.') && !reader.skip(',')) return time;
  const auto nanos = reader.fraction();
  if (!nanos) return std::nullopt;
  time.nanos = *nanos;
  return time;
}

// Z, +HH, +HHMM, +HH:MM: seconds east of UTC. Nothing where the text goes on differently.
std::optional<std::int64_t> read_zone(Reader& reader) {
  reader.skip(' ');
  if (reader.skip('Z') || reader.skip('z')) return 0;
  const std::int64_t sign = reader.skip('-') ? -1 : 1;
  if (sign == 1 && !reader.skip('+')) return std::nullopt;
  const auto hours = reader.number(2, 15);
  if (!hours) return std::nullopt;
  const bool colon = reader.skip(':');
  if (reader.at_end() && !colon) return sign * *hours * 3600;
  const auto minutes = reader.number(2, 59);
  if (!minutes) return std::nullopt;
  return sign * (*hours * 3600 + *minutes * 60);
}

WallTime wall(std::int64_t utc_seconds, std::int64_t nanos) {
  return WallTime(seconds(utc_seconds) + nanoseconds(nanos));
}

std::int64_t floor_seconds(WallTime time) {
  return std::chrono::floor<seconds>(time).time_since_epoch().count();
}

// "today 09:00", "yesterday 18:00".
std::optional<WallTime> read_day_word(Reader& reader, WallTime now) {
  int days_back = 0;
  if (reader.skip_word("yesterday ")) {
    days_back = 1;
  } else if (!reader.skip_word("today ")) {
    return std::nullopt;
  }
  const auto time = read_clock_time(reader);
  if (!time || !reader.at_end()) return std::nullopt;
  const std::int64_t utc = floor_seconds(now);
  const std::int64_t local = utc + offset_at(utc);
  const std::int64_t midnight = (local / kSecondsInDay - days_back) * kSecondsInDay;
  return wall(local_to_utc(midnight + time->seconds_of_day()), time->nanos);
}

std::optional<WallTime> read_calendar_time(Reader& reader) {
  const auto days = read_date(reader);
  if (!days) return std::nullopt;
  const std::int64_t midnight = *days * kSecondsInDay;
  if (reader.at_end()) return wall(local_to_utc(midnight), 0);
  if (!reader.skip('T') && !reader.skip(' ')) return std::nullopt;
  const auto time = read_clock_time(reader);
  if (!time) return std::nullopt;
  const std::int64_t local = midnight + time->seconds_of_day();
  if (reader.at_end()) return wall(local_to_utc(local), time->nanos);
  const auto zone = read_zone(reader);
  if (!zone || !reader.at_end()) return std::nullopt;
  return wall(local - *zone, time->nanos);
}

std::string calendar(const std::tm& t, char between) {
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                     between, t.tm_hour, t.tm_min, t.tm_sec);
}

}  // namespace

WallTime parse_time(std::string_view text, WallTime now) {
  Reader reader(text);
  if (text == "now") return now;
  if (reader.skip('-')) {
    try {
      const nanoseconds back = parse_duration(reader.rest());
      if (now.time_since_epoch() >= back) return now - back;
    } catch (const Error&) {
      // Told below, as a time that it is not.
    }
    throw not_a_time(text);
  }
  if (const auto time = read_day_word(reader, now)) return *time;
  Reader calendar_reader(text);
  if (const auto time = read_calendar_time(calendar_reader)) return *time;
  throw not_a_time(text);
}

nanoseconds parse_duration(std::string_view text) {
  // "ms" before "m": the first that fits is taken.
  static constexpr std::array<std::pair<std::string_view, double>, 6> kUnits = {
      {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}, {"w", 604'800}}};
  double total = 0;
  Reader reader(text);
  bool good = !text.empty();
  while (good && !reader.at_end()) {
    const auto count = reader.decimal();
    good = false;
    for (const auto& [unit, in_seconds] : kUnits) {
      if (!count || !reader.skip_word(unit)) continue;
      total += *count * in_seconds;
      good = true;
      break;
    }
  }
  if (!good || !(total <= kLongestDurationSeconds)) {
    throw Error(ErrorCode::kUsage, fmt::format("not a duration: '{}'", text),
                "durations look like '30s', '15m', '1h30m', '7d'");
  }
  return nanoseconds(std::llround(total * 1e9));
}

std::string format_local_time(WallTime time, Precision precision) {
  const auto utc = static_cast<std::time_t>(floor_seconds(time));
  std::tm fields = {};
  ::localtime_r(&utc, &fields);
  std::string text = calendar(fields, ' ');
  if (precision == Precision::kMilliseconds) {
    text += fmt::format(".{:03}", (time - wall(utc, 0)).count() / 1'000'000);
  }
  return text;
}

std::string format_utc_time(WallTime time) {
  const auto utc = static_cast<std::time_t>(floor_seconds(time));
  std::tm fields = {};
  ::gmtime_r(&utc, &fields);
  return fmt::format("{}.{:09}Z", calendar(fields, 'T'), (time - wall(utc, 0)).count());
}

std::string format_duration(nanoseconds duration) {
  if (duration < nanoseconds(0)) return fmt::format("-{}", format_duration(-duration));
  const auto nanos = static_cast<double>(duration.count());
  if (nanos < 1e3) return fmt::format("{} ns", duration.count());
  if (nanos < 999.5e3) return fmt::format("{:.0f} µs", nanos / 1e3);
  if (nanos < 999.5e6) return fmt::format("{:.0f} ms", nanos / 1e6);
  if (nanos < 59.95e9) return fmt::format("{:.1f} s", nanos / 1e9);
  const std::int64_t whole = std::llround(nanos / 1e9);
  if (whole < 3600) {
    return whole % 60 == 0 ? fmt::format("{} min", whole / 60)
                           : fmt::format("{} min {} s", whole / 60, whole % 60);
  }
  if (whole < kSecondsInDay) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  return fmt::format("{} d {} h", whole / kSecondsInDay, whole % kSecondsInDay / 3600);
}

std::string format_ago(WallTime time, WallTime now) {
  const nanoseconds passed = now - time;
  if (passed > seconds(-1) && passed < seconds(1)) return "now";
  if (passed < nanoseconds(0)) return fmt::format("in {}", format_duration(-passed));
  return format_duration(passed) + " ago";
}

std::string format_size(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 6> kUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  // 999.95 would be shown as 1000.0.
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::uint64_t parse_size(std::string_view text) {
  static constexpr std::array<std::pair<char, int>, 5> kPowers = {
      {{'k', 1}, {'M', 2}, {'G', 3}, {'T', 4}, {'P', 5}}};
  Reader reader(text);
  const auto number = reader.decimal();
  reader.skip(' ');
  int power = 0;
  for (const auto& [letter, of] : kPowers) {
    const bool found = reader.skip(letter) || (letter == 'k' && reader.skip('K'));
    if (found) power = of;
    if (found) break;
  }
  double base = 1024;
  if (power > 0 && reader.skip_word("iB")) {
    base = 1024;
  } else if (reader.skip('B') && power > 0) {
    base = 1000;
  }
  const double bytes = number.value_or(-1) * std::pow(base, power);
  if (!number || !reader.at_end() || !(bytes >= 0 && bytes < 9.2e18)) {
    throw Error(ErrorCode::kUsage, fmt::format("not a size: '{}'", text),
                "sizes look like '4096', '128MiB', '1.5GB'");
  }
  return static_cast<std::uint64_t>(std::llround(bytes));
}

}  // namespace litewright
