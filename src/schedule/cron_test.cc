#include "schedule/cron.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/thrown_error_test.h"
#include "base/time_text.h"

namespace litewright {
namespace {

using namespace std::chrono_literals;

WallTime at(std::string_view text) { return parse_time(text, WallTime{}); }

std::vector<std::string> due(std::string_view text, std::string_view zone, std::string_view from, int count) {
  const Schedule schedule = Schedule::parse(text, TimeZone::find(zone));
  std::vector<std::string> times;
  for (WallTime now = at(from); count > 0; --count) {
    now = schedule.next(now);
    times.push_back(format_utc_time(now).substr(0, 16));
  }
  return times;
}

using Times = std::vector<std::string>;

TEST(Schedule, FollowsTheFiveFieldsInTheZonesTime) {
  EXPECT_EQ(due("0 2 * * *", "UTC", "2026-01-30T02:00:00Z", 2),
            (Times{"2026-01-31T02:00", "2026-02-01T02:00"}));
  EXPECT_EQ(due("0 2 * * *", "Asia/Kolkata", "2026-01-30T00:00:00Z", 1), (Times{"2026-01-30T20:30"}));
  EXPECT_EQ(due("*/20 9-10 * * mon-fri", "UTC", "2026-11-27T09:50:00Z", 4),  // a Friday
            (Times{"2026-11-27T10:00", "2026-11-27T10:20", "2026-11-27T10:40", "2026-11-30T09:00"}));
  EXPECT_EQ(due("5,35 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 2),
            (Times{"2028-02-29T00:05", "2028-02-29T00:35"}));
  EXPECT_EQ(due("0 3 * * 7", "UTC", "2026-11-28T00:00:00Z", 1), (Times{"2026-11-29T03:00"}));
  EXPECT_EQ(due("@monthly", "UTC", "2026-11-28T00:00:00Z", 1), (Times{"2026-12-01T00:00"}));
  EXPECT_EQ(due("10/25 1 1 1 *", "UTC", "2026-11-28T00:00:00Z", 2),
            (Times{"2027-01-01T01:10", "2027-01-01T01:35"}));
}

TEST(Schedule, TakesTheDayOrTheWeekdayWhereBothAreRestricted) {
  EXPECT_EQ(due("0 0 13 * FRI", "UTC", "2026-11-01T00:00:00Z", 4),
            (Times{"2026-11-06T00:00", "2026-11-13T00:00", "2026-11-20T00:00", "2026-11-27T00:00"}));
  EXPECT_EQ(due("0 0 1 * mon", "UTC", "2026-11-24T00:00:00Z", 2),
            (Times{"2026-11-30T00:00", "2026-12-01T00:00"}));
}

TEST(Schedule, CountsIntervalsFromTheEpoch) {
  EXPECT_EQ(due("every 6h", "UTC", "2026-11-28T06:00:00Z", 2),
            (Times{"2026-11-28T12:00", "2026-11-28T18:00"}));
  const Schedule schedule = Schedule::parse("every 90s", TimeZone::find("UTC"));
  EXPECT_EQ(schedule.latest(at("1970-01-01T00:04:00Z")), WallTime(180s));
}

// Berlin: 2026-03-29 02:00 becomes 03:00 (01:00 UTC); 2026-10-25 03:00 becomes 02:00 (01:00 UTC).
TEST(Schedule, RunsAJobOfASkippedHourRightAfterTheChange) {
  EXPECT_EQ(due("30 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z", 2),
            (Times{"2026-03-29T01:00", "2026-03-30T00:30"}));
}

TEST(Schedule, RunsAJobOfARepeatedHourOnce) {
  EXPECT_EQ(due("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            (Times{"2026-10-25T00:30", "2026-10-26T01:30"}));
}

TEST(Schedule, FollowsTheHoursAsTheyPassWhereEveryHourIsMeant) {
  EXPECT_EQ(due("30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", 3),
            (Times{"2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"}));
  EXPECT_EQ(due("30 * * * *", "Europe/Berlin", "2026-03-29T00:15:00Z", 2),
            (Times{"2026-03-29T00:30", "2026-03-29T01:30"}));
}

TEST(Schedule, KnowsTheLatestDueTime) {
  const Schedule daily = Schedule::parse("0 2 * * *", TimeZone::find("UTC"));
  EXPECT_EQ(daily.latest(at("2026-11-28T02:00:00Z")), at("2026-11-28T02:00:00Z"));
  EXPECT_EQ(daily.latest(at("2026-11-28T01:59:59Z")), at("2026-11-27T02:00:00Z"));
}

TEST(Schedule, FindsWhatIsDueOnceInManyYears) {
  EXPECT_EQ(due("0 0 */31 3 0", "UTC", "2026-03-02T00:00:00Z", 1), (Times{"2037-03-01T00:00"}));
  EXPECT_EQ(due("0 0 29 2 */7", "UTC", "2026-01-01T00:00:00Z", 2),
            (Times{"2032-02-29T00:00", "2060-02-29T00:00"}));
  // 2100 has no 29 February.
  EXPECT_EQ(due("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1), (Times{"2104-02-29T00:00"}));
  EXPECT_EQ(due("0 0 29 2 */7", "UTC", "2088-03-01T00:00:00Z", 1), (Times{"2128-02-29T00:00"}));
}

TEST(Schedule, RefusesWhatCanNotBeMeant) {
  const TimeZone utc = TimeZone::find("UTC");
  for (const char* text : {"",
                           "* * * *",
                           "60 * * * *",
                           "* 24 * * *",
                           "* * 0 * *",
                           "* * * 13 *",
                           "* * * * 8",
                           "0 0 30 2 *",
                           "0 0 31 4,6,9,11 *",
                           "*/0 * * * *",
                           "5-1 * * * *",
                           "@fortnightly",
                           "@daily 3",
                           "every",
                           "every 0s",
                           "every 6h 5m",
                           "a * * * *",
                           "1,,2 * * * *",
                           "* * * * mond",
                           "-1 * * * *"}) {
    EXPECT_EQ(code_of([&] { Schedule::parse(text, utc); }), ErrorCode::kConfig) << text;
  }
  EXPECT_EQ(code_of([] { TimeZone::find("Europe/Atlantis"); }), ErrorCode::kConfig);
}

// Minute by minute over ten days around a clock change: whoever is due follows from the fields alone.
RC_GTEST_PROP(Schedule, AgreesWithAClockReadMinuteByMinute, ()) {
  struct Change {
    const char* zone;
    const char* around;
  };
  const Change change = *rc::gen::element(
      Change{"Europe/Berlin", "2026-03-29T00:00:00Z"}, Change{"Europe/Berlin", "2026-10-25T00:00:00Z"},
      Change{"Australia/Lord_Howe", "2026-04-04T12:00:00Z"}, Change{"America/Havana", "2026-11-01T04:00:00Z"},
      Change{"America/Santiago", "2026-09-06T03:00:00Z"}, Change{"Asia/Kathmandu", "2026-06-01T00:00:00Z"});
  const int minute = *rc::gen::inRange(0, 60);
  const int hour = *rc::gen::inRange(-1, 24);  // -1: every hour
  const TimeZone zone = TimeZone::find(change.zone);
  const Schedule schedule =
      Schedule::parse(fmt::format("{} {} * * *", minute, hour < 0 ? "*" : std::to_string(hour)), zone);
  const WallTime begin = at(change.around) - 5 * 24h, end = begin + 10 * 24h;

  std::vector<WallTime> expected;
  std::int64_t before = zone.local(begin - 1min).value, newest = before;
  for (WallTime now = begin; now < end; now += 1min) {
    const std::int64_t local = zone.local(now).value;
    const auto shows = [&](std::int64_t clock) {
      return clock / 60 % 60 == minute && (hour < 0 || clock / 3600 % 24 == hour);
    };
    bool is_due = hour < 0 ? shows(local) : local > newest && shows(local);
    // What a change skips is made up for at the change.
    if (hour >= 0 && local > newest) {
      for (std::int64_t skipped = std::max(before + 60, newest + 60); skipped < local; skipped += 60)
        is_due |= shows(skipped);
    }
    if (is_due) expected.push_back(now);
    newest = std::max(newest, local);
    before = local;
  }
  std::vector<WallTime> found;
  for (WallTime now = schedule.next(begin - 1ns); now < end; now = schedule.next(now)) found.push_back(now);
  RC_ASSERT(found == expected);
  for (const WallTime time : found) RC_ASSERT(schedule.latest(time + 30s) == time);
}

}  // namespace
}  // namespace litewright
