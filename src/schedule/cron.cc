#include "schedule/cron.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/error.h"
#include "base/time_text.h"

namespace litewright {

namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::int64_t kDay = 86400;
// A 29 February that is a Sunday comes after 28 years, or 40 across a century without one: nothing possible
// is rarer. All of it is looked through in less than a millisecond.
constexpr std::int64_t kHorizonDays = std::int64_t{366} * 41;
constexpr std::int64_t kBackDays = std::int64_t{366} * 4;

struct Field {
  std::string_view name;
  int least, most;
  std::array<std::string_view, 12> words;  // for least, least + 1, …
};
constexpr Field kMinute{"minute", 0, 59, {}};
constexpr Field kHour{"hour", 0, 23, {}};
constexpr Field kDayOfMonth{"day", 1, 31, {}};
constexpr Field kMonth{
    "month", 1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}};
constexpr Field kWeekday{"weekday", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNicknames{{
    {"@hourly", "0 * * * *"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"},
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
}};

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::kConfig, what,
              "minute hour day month weekday, as in '30 2 * * 1-5'; '@daily'; 'every 6h' "
              "(docs/operating/schedules.md)");
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  std::size_t from = 0;
  while (from <= text.size()) {
    const std::size_t end = std::min(text.find_first_of(separators, from), text.size());
    parts.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return parts;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words = split(text, " \t");
  std::erase_if(words, [](std::string_view word) { return word.empty(); });
  return words;
}

int number(std::string_view text, const Field& field) {
  for (std::size_t i = 0; i < field.words.size() && !field.words[i].empty(); ++i) {
    const bool same =
        text.size() == 3 && std::equal(text.begin(), text.end(), field.words[i].begin(), [](char a, char b) {
          return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
        });
    if (same) return field.least + static_cast<int>(i);
  }
  int value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size() || value < field.least || value > field.most) {
    refuse(fmt::format("schedule: '{}' is no {} ({} to {})", text, field.name, field.least, field.most));
  }
  return value;
}

// One element of a list: "*", "7", "10-20", each with "/STEP" where it is a range.
template <std::size_t Size>
void add_range(std::string_view text, const Field& field, std::bitset<Size>& chosen) {
  const std::size_t slash = text.find('/');
  const std::string_view range = text.substr(0, slash);
  int first = field.least, last = field.most, step = 1;
  if (range != "*") {
    const std::size_t dash = range.find('-');
    first = number(range.substr(0, dash), field);
    last = dash == std::string_view::npos ? first : number(range.substr(dash + 1), field);
    if (last < first)
      refuse(fmt::format("schedule: the {} range '{}' ends before it begins", field.name, range));
    if (dash == std::string_view::npos && slash != std::string_view::npos) last = field.most;
  }
  if (slash != std::string_view::npos) {
    const Field steps{"step", 1, std::max(field.most, 1), {}};
    step = number(text.substr(slash + 1), steps);
  }
  for (int value = first; value <= last; value += step) chosen.set(static_cast<std::size_t>(value) % Size);
}

// True where the field begins with `*`: crontab(5) calls that unrestricted.
template <std::size_t Size>
bool read_field(std::string_view text, const Field& field, std::bitset<Size>& chosen) {
  for (const std::string_view part : split(text, ",")) add_range(part, field, chosen);
  return text.starts_with('*');
}

std::chrono::year_month_day date_of(std::int64_t local_day) {
  return std::chrono::sys_days(std::chrono::days(local_day));
}

std::int64_t day_of(LocalSeconds local) {
  return local.value >= 0 ? local.value / kDay : (local.value - kDay + 1) / kDay;
}

}  // namespace

Schedule Schedule::parse(std::string_view text, const TimeZone& zone) {
  Schedule schedule(zone);
  const auto words = words_of(text);
  schedule.text_ = fmt::format("{}", fmt::join(words, " "));
  if (words.empty()) refuse("schedule: it is empty");
  if (words[0] == "every") {
    if (words.size() != 2) refuse(fmt::format("schedule: '{}': one duration after 'every'", schedule.text_));
    schedule.interval_ = parse_duration(words[1]);
    if (schedule.interval_ < seconds(1))
      refuse(fmt::format("schedule: '{}' is shorter than a second", schedule.text_));
    return schedule;
  }
  if (words[0].starts_with('@')) {
    for (const auto& [nickname, fields] : kNicknames) {
      if (words.size() == 1 && words[0] == nickname) schedule.parse_fields(fields);
    }
    if (schedule.minutes_.none()) refuse(fmt::format("schedule: '{}' is not known", schedule.text_));
    return schedule;
  }
  schedule.parse_fields(text);
  // From 2000 on: whatever the zone's clocks skip, it must be due some day.
  if (!schedule.find_next(WallTime(std::chrono::sys_days(std::chrono::year(2000) / 1 / 1))))
    refuse(fmt::format("schedule: '{}' is never due", schedule.text_));
  return schedule;
}

void Schedule::parse_fields(std::string_view text) {
  const auto words = words_of(text);
  if (words.size() != 5) refuse(fmt::format("schedule: '{}' has {} fields, not 5", text, words.size()));
  read_field(words[0], kMinute, minutes_);
  any_hour_ = read_field(words[1], kHour, hours_);
  any_day_ = read_field(words[2], kDayOfMonth, days_);
  read_field(words[3], kMonth, months_);
  any_weekday_ = read_field(words[4], kWeekday, weekdays_);
  require_possible_day();
}

void Schedule::require_possible_day() const {
  if (!any_weekday_) return;  // a weekday comes in every month
  constexpr std::array<std::size_t, 13> kLongest{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (std::size_t month = 1; month <= 12; ++month) {
    for (std::size_t day = 1; day <= kLongest[month]; ++day) {
      if (months_[month] && days_[day]) return;
    }
  }
  refuse("schedule: no month has such a day");
}

bool Schedule::matches_day(std::int64_t local_day) const {
  const auto date = date_of(local_day);
  if (!months_[static_cast<unsigned>(date.month())]) return false;
  const bool day = days_[static_cast<unsigned>(date.day())];
  const bool weekday = weekdays_[std::chrono::weekday(std::chrono::sys_days(date)).c_encoding()];
  return any_day_ || any_weekday_ ? day && weekday : day || weekday;
}

// visit(instant) for each due time of a local day; not in order where clocks change.
template <class Visit>
void Schedule::visit_day(std::int64_t local_day, Visit&& visit) const {
  if (!matches_day(local_day)) return;
  for (std::size_t minute = 0; minute < std::size_t{24} * 60; ++minute) {
    if (!hours_[minute / 60] || !minutes_[minute % 60]) continue;
    const LocalInstants due = zone_.instants({local_day * kDay + static_cast<std::int64_t>(minute) * 60});
    if (due.kind == LocalInstants::Kind::kSkipped && any_hour_) continue;
    visit(due.first);
    if (due.kind == LocalInstants::Kind::kTwice && any_hour_) visit(due.second);
  }
}

WallTime Schedule::next(WallTime after) const {
  if (const auto due = find_next(after)) return *due;
  throw Error(ErrorCode::kInternal, fmt::format("schedule '{}' is never due", text_));
}

std::optional<WallTime> Schedule::find_next(WallTime after) const {
  if (interval_.count() > 0) {
    const nanoseconds since = after.time_since_epoch();
    return WallTime((since / interval_ + 1) * interval_);
  }
  const std::int64_t today = day_of(zone_.local(after));
  // A day earlier too: clocks that go back over midnight show yesterday's last hour twice.
  for (std::int64_t day = today - 1; day <= today + kHorizonDays; ++day) {
    std::optional<WallTime> best;
    visit_day(day, [&](WallTime due) {
      if (due > after && (!best || due < *best)) best = due;
    });
    if (best) return best;
  }
  return std::nullopt;
}

std::optional<WallTime> Schedule::latest(WallTime at) const {
  if (interval_.count() > 0) return WallTime(at.time_since_epoch() / interval_ * interval_);
  const std::int64_t today = day_of(zone_.local(at));
  for (std::int64_t day = today + 1; day >= today - kBackDays; --day) {
    std::optional<WallTime> best;
    visit_day(day, [&](WallTime due) {
      if (due <= at && (!best || due > *best)) best = due;
    });
    if (best) return best;
  }
  return std::nullopt;
}

}  // namespace litewright
