#include "archive/keep_rules.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/test_zone.h"
#include "base/time_text.h"

namespace litewright {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using std::chrono::seconds;

WallTime time_of(std::string_view text) { return parse_time(text, WallTime{}); }

std::vector<KeepPoint> points_at(std::initializer_list<std::string_view> newest_first) {
  std::vector<KeepPoint> points;
  for (const auto text : newest_first) points.push_back({time_of(text)});
  return points;
}

std::vector<bool> kept(std::span<const KeepPoint> points, const KeepRules& rules, WallTime now) {
  std::vector<bool> result;
  for (const KeepReason reason : judge_points(points, rules, now))
    result.push_back(reason != KeepReason::kNone);
  return result;
}

// The rules once more, each point by itself and by libc's own calendar: of each rule the set of periods, of
// each period its newest point.
class NaiveModel {
 public:
  NaiveModel(std::vector<KeepPoint> newest_first, KeepRules rules, WallTime now)
      : points_(std::move(newest_first)), rules_(std::move(rules)), now_(now) {
    for (std::size_t i = 0; i < points_.size(); ++i) {
      points_[i].at = std::min(points_[i].at, i == 0 ? now : points_[i - 1].at);
    }
  }

  std::vector<bool> kept() const {
    std::set<std::size_t> kept;
    bool any_rule = rules_.last > 0 || rules_.within.has_value();
    for (std::size_t i = 0; i < points_.size(); ++i) {
      if (i < rules_.last || (rules_.within && age(i) <= *rules_.within)) kept.insert(i);
    }
    for (std::size_t period = 0; period < kKeepPeriods; ++period) {
      if (!rules_.every[period]) continue;
      any_rule = true;
      for (const std::size_t i : newest_of_each(period, *rules_.every[period])) kept.insert(i);
    }
    for (std::size_t i = 0; !any_rule && i < points_.size(); ++i) kept.insert(i);
    if (rules_.max_age) std::erase_if(kept, [&](std::size_t i) { return age(i) > *rules_.max_age; });
    for (std::size_t i = 0; i < points_.size(); ++i) {
      if (safe(i)) kept.insert(i);
    }
    drop_oldest(kept);
    std::vector<bool> result(points_.size());
    for (const std::size_t i : kept) result[i] = true;
    return result;
  }

 private:
  nanoseconds age(std::size_t i) const { return now_ - points_[i].at; }
  bool safe(std::size_t i) const { return i == 0 || i < rules_.min || points_[i].pinned; }

  std::vector<std::size_t> newest_of_each(std::size_t period, const KeepSpan& span) const {
    static constexpr const char* kFormats[] = {"%F %H:%M %z", "%F %H %z", "%F", "%G-%V", "%Y-%m", "%Y"};
    std::map<std::string, std::size_t> newest;
    for (std::size_t i = 0; i < points_.size(); ++i) {
      const auto time = std::chrono::floor<seconds>(points_[i].at).time_since_epoch().count();
      std::tm fields = {};
      ::localtime_r(&time, &fields);
      char name[64];
      ::strftime(name, sizeof name, kFormats[period], &fields);
      newest.emplace(name, i);  // the first is the newest
    }
    std::set<std::size_t> in_order;
    for (const auto& [name, i] : newest) in_order.insert(i);
    std::vector<std::size_t> result;
    for (const std::size_t i : in_order) {
      if (span.within && age(i) > *span.within) continue;
      if (span.count && result.size() >= *span.count) break;
      result.push_back(i);
    }
    return result;
  }

  void drop_oldest(std::set<std::size_t>& kept) const {
    if (!rules_.max_bytes) return;
    const auto bytes = [&] {
      std::uint64_t sum = 0;
      for (const std::size_t i : kept) sum += points_[i].bytes;
      return sum;
    };
    while (bytes() > *rules_.max_bytes) {
      const auto oldest = std::find_if(kept.rbegin(), kept.rend(), [&](std::size_t i) { return !safe(i); });
      if (oldest == kept.rend()) return;
      kept.erase(*oldest);
    }
  }

  std::vector<KeepPoint> points_;
  KeepRules rules_;
  WallTime now_;
};

std::optional<KeepSpan> any_span(nanoseconds unit) {
  if (*rc::gen::inRange(0, 3) > 0) return std::nullopt;
  KeepSpan span;
  if (*rc::gen::arbitrary<bool>()) span.count = *rc::gen::inRange<std::uint64_t>(0, 12);
  if (*rc::gen::arbitrary<bool>()) span.within = unit * *rc::gen::inRange(0, 20);
  return span;
}

KeepRules any_rules() {
  KeepRules rules;
  const auto maybe = [] { return *rc::gen::inRange(0, 4) == 0; };
  if (maybe()) rules.last = *rc::gen::inRange<std::uint64_t>(0, 20);
  if (maybe()) rules.within = 1h * *rc::gen::inRange(0, 100);
  const nanoseconds units[kKeepPeriods] = {1min, 1h, 24h, 7 * 24h, 30 * 24h, 365 * 24h};
  for (std::size_t i = 0; i < kKeepPeriods; ++i) rules.every[i] = any_span(units[i]);
  if (maybe()) rules.min = *rc::gen::inRange<std::uint64_t>(0, 10);
  if (maybe()) rules.max_age = 1h * *rc::gen::inRange(0, 1000);
  if (maybe()) rules.max_bytes = *rc::gen::inRange<std::uint64_t>(0, 3000);
  return rules;
}

// Points whose distances go from seconds to weeks, now and then from a clock set back.
std::vector<KeepPoint> any_points(WallTime now) {
  std::vector<KeepPoint> points;
  WallTime at = now + seconds(*rc::gen::inRange(-100, 100));
  const int count = *rc::gen::inRange(0, 200);
  const int scale = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) {
    const bool pinned = *rc::gen::inRange(0, 20) == 0;
    points.push_back({at, *rc::gen::inRange<std::uint64_t>(0, 100), pinned});
    const std::int64_t steps[] = {40, 1200, 20'000, 200'000, 3'000'000};
    const bool set_back = *rc::gen::inRange(0, 30) == 0;
    at -= seconds(*rc::gen::inRange<std::int64_t>(0, steps[scale])) * (set_back ? -1 : 1);
  }
  return points;
}

RC_GTEST_PROP(KeepRules, KeepWhatANaiveModelKeeps, ()) {
  const char* const zones[] = {"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe",
                               "Asia/Kathmandu"};
  const TestZone zone(zones[*rc::gen::inRange(0, 5)]);
  // Around both clock changes of 2026 in each of them, and somewhere in the year.
  const std::int64_t nows[] = {1'774'750'000, 1'775'100'000, 1'792'900'000, 1'793'700'000, 1'786'000'000};
  const WallTime now(seconds(nows[*rc::gen::inRange(0, 5)] + *rc::gen::inRange(0, 100'000)));
  const std::vector<KeepPoint> points = any_points(now);
  const KeepRules rules = any_rules();
  RC_ASSERT(kept(points, rules, now) == NaiveModel(points, rules, now).kept());
}

RC_GTEST_PROP(KeepRules, WhatIsThinnedDayByDayIsWhatIsThinnedAtOnce, ()) {
  const TestZone zone("Europe/Berlin");
  KeepRules rules = default_keep_rules();
  const WallTime end = time_of("2026-11-20T13:03:05Z");
  std::vector<KeepPoint> all = any_points(end);
  for (KeepPoint& point : all) point.pinned = false;
  std::ranges::sort(all, std::greater{}, &KeepPoint::at);
  std::vector<KeepPoint> left;  // newest first
  std::size_t arrived = all.size();
  for (WallTime now = end - 40 * 24h; now <= end; now += 12h) {
    while (arrived > 0 && all[arrived - 1].at <= now) left.insert(left.begin(), all[--arrived]);
    const std::vector<bool> stays = kept(left, rules, now);
    std::vector<KeepPoint> rest;
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (stays[i]) rest.push_back(left[i]);
    }
    left = rest;
  }
  std::vector<WallTime> at_once, by_and_by;
  const std::span seen = std::span(all).subspan(arrived);
  const std::vector<bool> stays = kept(seen, rules, end);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (stays[i]) at_once.push_back(seen[i].at);
  }
  for (const KeepPoint& point : left) by_and_by.push_back(point.at);
  RC_ASSERT(at_once == by_and_by);
}

TEST(KeepRules, ADayEndsAtLocalMidnight) {
  const TestZone zone("Europe/Berlin");
  KeepRules rules;
  rules.of(KeepPeriod::kDay) = KeepSpan{.count = 10, .within = {}};
  const auto points = points_at({"2026-11-20T22:59:00Z", "2026-11-19T23:00:00Z", "2026-11-19T22:59:59Z"});
  EXPECT_EQ(kept(points, rules, time_of("2026-11-21T00:00:00Z")), (std::vector{true, false, true}));
}

TEST(KeepRules, TheHourThatAClockChangeRepeatsIsTwoHoursAndItsDayIsOne) {
  const TestZone zone("Europe/Berlin");
  // 02:30 summer time and 02:30 winter time of the night of the change.
  const auto points = points_at({"2026-10-25T01:30:00Z", "2026-10-25T00:30:00Z", "2026-10-24T23:30:00Z"});
  KeepRules hourly, daily;
  hourly.of(KeepPeriod::kHour) = KeepSpan{.count = 10, .within = {}};
  daily.of(KeepPeriod::kDay) = KeepSpan{.count = 10, .within = {}};
  const WallTime now = time_of("2026-10-25T12:00:00Z");
  EXPECT_EQ(kept(points, hourly, now), (std::vector{true, true, true}));
  EXPECT_EQ(kept(points, daily, now), (std::vector{true, false, false}));
}

TEST(KeepRules, AWeekBeginsOnMonday) {
  const TestZone zone("UTC");
  KeepRules rules;
  rules.of(KeepPeriod::kWeek) = KeepSpan{.count = 5, .within = {}};
  const auto points =
      points_at({"2026-11-16 00:00", "2026-11-15 23:59", "2026-11-09 00:00", "2026-11-08 12:00"});
  EXPECT_EQ(kept(points, rules, time_of("2026-11-20 00:00")), (std::vector{true, true, false, true}));
}

TEST(KeepRules, SayWhyAPointStays) {
  const TestZone zone("UTC");
  KeepRules rules;
  rules.last = 2;
  rules.min = 1;
  rules.within = 1h;
  rules.of(KeepPeriod::kDay) = KeepSpan{.count = 3, .within = {}};
  std::vector<KeepPoint> points =
      points_at({"2026-11-20 12:00", "2026-11-20 11:59", "2026-11-20 11:30", "2026-11-20 10:00",
                 "2026-11-19 10:00", "2026-11-18 10:00", "2026-11-17 10:00"});
  points[3].pinned = true;
  const auto reasons = judge_points(points, rules, time_of("2026-11-20 12:10"));
  const std::vector<KeepReason> expected = {KeepReason::kNewest, KeepReason::kLast,  KeepReason::kWithin,
                                            KeepReason::kPinned, KeepReason::kDaily, KeepReason::kDaily,
                                            KeepReason::kNone};
  EXPECT_EQ(reasons, expected);
  EXPECT_EQ(keep_reason_name(reasons[4]), "keep-daily");
  EXPECT_EQ(keep_reason_name(KeepReason::kYearly), "keep-yearly");
}

TEST(KeepRules, WithoutARuleAllStays) {
  const auto points = points_at({"2026-11-20 12:00", "2001-11-20 12:00"});
  EXPECT_TRUE(KeepRules().empty());
  EXPECT_EQ(kept(points, {}, time_of("2026-11-20 12:10")), (std::vector{true, true}));
}

TEST(KeepRules, SpansAreNumbersDurationsOrAll) {
  EXPECT_EQ(parse_keep_span("30"), (KeepSpan{.count = 30, .within = {}}));
  EXPECT_EQ(parse_keep_span("7d"), (KeepSpan{.count = {}, .within = 7 * 24h}));
  EXPECT_EQ(parse_keep_span("all"), KeepSpan{});
  for (const char* wrong : {"", "x", "-1", "7 days", "99999999999999999999"}) {
    EXPECT_THROW(parse_keep_span(wrong), Error) << wrong;
  }
}

TEST(KeepRules, AreSaidInWords) {
  EXPECT_EQ(describe(default_keep_rules()),
            "all for 24 hours, one a minute for 7 days, one an hour for 30 days, one a day for 365 days");
}

}  // namespace
}  // namespace litewright
