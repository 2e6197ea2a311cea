// When a job is due, as crontab(5) writes it: five fields of local time, or an interval.
//
//   minute      0-59      *  */5  3,17  10-20/2
//   hour        0-23
//   day         1-31
//   month       1-12      jan … dec
//   weekday     0-7       sun … sat; 0 and 7 are Sunday
//   @hourly @daily @midnight @weekly @monthly @yearly @annually      every 6h      every 90s
//
// Where day and weekday are both restricted, one of them is enough (crontab(5)). When clocks change, as cron
// has it: a job at a fixed hour runs once, at the first of two equal times, or right after the change where
// its time is skipped; a job whose hour begins with `*` follows the hours as they really pass.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>

#include "schedule/time_zone.h"

namespace litewright {

class Schedule {
 public:
  // Throws Error{kConfig} that names the field, what it may hold, and days that never come (30 February).
  // What it takes is due within 41 years of any time.
  static Schedule parse(std::string_view text, const TimeZone& zone);

  // The first due time after `after`. An interval counts from 1970, so that it needs no memory: "every 6h" is
  // due at 00, 06, 12 and 18 UTC.
  WallTime next(WallTime after) const;

  // The last due time at or before `at`; nothing where the schedule was not due for four years.
  std::optional<WallTime> latest(WallTime at) const;

  const std::string& text() const { return text_; }
  const std::string& zone() const { return zone_.name(); }

 private:
  explicit Schedule(const TimeZone& zone) : zone_(zone) {}
  void parse_fields(std::string_view text);
  void require_possible_day() const;
  std::optional<WallTime> find_next(WallTime after) const;
  bool matches_day(std::int64_t local_day) const;
  template <class Visit>
  void visit_day(std::int64_t local_day, Visit&& visit) const;

  TimeZone zone_;
  std::string text_;
  std::chrono::nanoseconds interval_{0};  // 0: the fields count
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;     // 1 to 31
  std::bitset<13> months_;   // 1 to 12
  std::bitset<7> weekdays_;  // 0: Sunday
  bool any_hour_ = false, any_day_ = false, any_weekday_ = false;
};

}  // namespace litewright
