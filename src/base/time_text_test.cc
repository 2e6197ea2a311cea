#include "base/time_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "base/error.h"
#include "base/test_zone.h"

namespace litewright {
namespace {

using namespace std::chrono_literals;

WallTime at(std::int64_t utc_seconds, std::int64_t nanos = 0) {
  return WallTime(std::chrono::seconds(utc_seconds) + std::chrono::nanoseconds(nanos));
}

// 2026-11-20T13:03:05.25Z
const WallTime kNow = at(1795179785, 250'000'000);

TEST(TimeText, ParsesEveryFormInEveryZone) {
  struct Case {
    const char* zone;
    const char* text;
    const char* utc;
  };
  const std::vector<Case> cases = {
      {"UTC", "now", "2026-11-20T13:03:05.250000000Z"},
      {"UTC", "-15m", "2026-11-20T12:48:05.250000000Z"},
      {"UTC", "-2h", "2026-11-20T11:03:05.250000000Z"},
      {"UTC", "-3d", "2026-11-17T13:03:05.250000000Z"},
      {"UTC", "-30s", "2026-11-20T13:02:35.250000000Z"},
      {"UTC", "-1h30m", "2026-11-20T11:33:05.250000000Z"},
      {"UTC", "2026-11-20 14:03:05", "2026-11-20T14:03:05.000000000Z"},
      {"UTC", "2026-11-20 14:03", "2026-11-20T14:03:00.000000000Z"},
      {"UTC", "2026-11-20", "2026-11-20T00:00:00.000000000Z"},
      {"UTC", "2026-11-20 14:03:05.5", "2026-11-20T14:03:05.500000000Z"},
      {"UTC", "2026-11-20 14:03:05.123456789", "2026-11-20T14:03:05.123456789Z"},
      {"UTC", "2026-11-20T14:03:05,25", "2026-11-20T14:03:05.250000000Z"},
      {"UTC", "2024-02-29 12:00", "2024-02-29T12:00:00.000000000Z"},
      {"Europe/Berlin", "2026-11-20 14:03:05", "2026-11-20T13:03:05.000000000Z"},
      {"Europe/Berlin", "2026-11-20T14:03:05Z", "2026-11-20T14:03:05.000000000Z"},
      {"Europe/Berlin", "2026-11-20T14:03:05.000000001+05:30", "2026-11-20T08:33:05.000000001Z"},
      {"Europe/Berlin", "2026-11-20T14:03:05-0800", "2026-11-20T22:03:05.000000000Z"},
      {"Europe/Berlin", "2026-11-20 14:03:05 +02", "2026-11-20T12:03:05.000000000Z"},
      {"Europe/Berlin", "today 09:00", "2026-11-20T08:00:00.000000000Z"},
      {"Europe/Berlin", "yesterday 18:00", "2026-11-19T17:00:00.000000000Z"},
      {"Europe/Berlin", "yesterday 18:00:30.5", "2026-11-19T17:00:30.500000000Z"},
      // It is the 21st already where the day begins first.
      {"Pacific/Kiritimati", "today 00:00", "2026-11-20T10:00:00.000000000Z"},
      {"Pacific/Kiritimati", "yesterday 00:00", "2026-11-19T10:00:00.000000000Z"},
      {"America/St_Johns", "2026-07-01 12:00", "2026-07-01T14:30:00.000000000Z"},
      // Repeated: the first. Skipped: as long after the change. Both sides of each.
      {"Europe/Berlin", "2026-10-25 01:59:59", "2026-10-24T23:59:59.000000000Z"},
      {"Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00.000000000Z"},
      {"Europe/Berlin", "2026-10-25 03:00", "2026-10-25T02:00:00.000000000Z"},
      {"Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29T00:59:59.000000000Z"},
      {"Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:30:00.000000000Z"},
      {"Europe/Berlin", "2026-03-29 03:00", "2026-03-29T01:00:00.000000000Z"},
      {"America/New_York", "2026-11-01 01:30", "2026-11-01T05:30:00.000000000Z"},
      {"America/New_York", "2026-11-01 01:30-05:00", "2026-11-01T06:30:00.000000000Z"},
      {"Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04T14:45:00.000000000Z"},
  };
  for (const Case& c : cases) {
    const TestZone zone(c.zone);
    EXPECT_EQ(format_utc_time(parse_time(c.text, kNow)), c.utc) << c.zone << " " << c.text;
  }
}

TEST(TimeText, RefusesWhatIsNoTime) {
  const std::vector<const char*> cases = {
      "",
      "soon",
      "14:03",
      "-",
      "-15",
      "-m",
      "--5m",
      "-1h-30m",
      "2026-13-01",
      "2026-02-29",
      "2026-00-10",
      "2026-11-20x",
      "2026-11-20 24:00",
      "2026-11-20 14:60",
      "2026-11-20 14:03:05.",
      "yesterday",
      "yesterday 25:00",
      "2026-11-20 14:03:05.1234567890",
      "1969-12-31 23:59",
      "2262-01-01",
      "2026-11-20T14:03:05+2",
      "2026-11-20T14:03:05+02:",
      "2026-11-20 14:03:05 Z Z",
      "-1000w5d1e3s",
      "-60y",
      "-99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w99w"};
  for (const char* text : cases) {
    try {
      parse_time(text, kNow);
      ADD_FAILURE() << "accepted '" << text << "'";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_EQ(error.what(), std::string("not a time: '") + text + "'");
      EXPECT_FALSE(error.hint().empty());
    }
  }
}

RC_GTEST_PROP(TimeText, UtcTextGivesTheSameNanosecondBack, ()) {
  const WallTime time(
      std::chrono::nanoseconds(*rc::gen::inRange<std::int64_t>(0, 9'214'646'400'000'000'000)));
  RC_ASSERT(parse_time(format_utc_time(time), kNow) == time);
}

RC_GTEST_PROP(TimeText, LocalTextGivesTheSameSecondBackWhereTheClockDoesNotRepeat, ()) {
  const TestZone zone("America/Sao_Paulo");  // no clock changes since 2019
  const WallTime time = at(*rc::gen::inRange<std::int64_t>(1'600'000'000, 3'000'000'000));
  RC_ASSERT(parse_time(format_local_time(time), kNow) == time);
}

TEST(TimeText, ShowsLocalTimes) {
  const TestZone zone("America/New_York");
  EXPECT_EQ(format_local_time(kNow), "2026-11-20 08:03:05");
  EXPECT_EQ(format_local_time(kNow, Precision::kMilliseconds), "2026-11-20 08:03:05.250");
}

TEST(TimeText, ShowsDurations) {
  const std::vector<std::pair<std::chrono::nanoseconds, const char*>> cases = {
      {0ns, "0 ns"},         {999ns, "999 ns"},   {820us, "820 µs"},   {999'600us, "1.0 s"},
      {1500ms, "1.5 s"},     {59'960ms, "1 min"}, {3min, "3 min"},     {90s, "1 min 30 s"},
      {125min, "2 h 5 min"}, {99h, "4 d 3 h"},    {-1500ms, "-1.5 s"}, {250ms, "250 ms"},
  };
  for (const auto& [duration, text] : cases) EXPECT_EQ(format_duration(duration), text);
  EXPECT_EQ(format_ago(kNow - 3min, kNow), "3 min ago");
  EXPECT_EQ(format_ago(kNow + 5s, kNow), "in 5.0 s");
  EXPECT_EQ(format_ago(kNow - 300ms, kNow), "now");
}

TEST(TimeText, ParsesDurations) {
  const std::vector<std::pair<const char*, std::chrono::nanoseconds>> cases = {
      {"30s", 30s},     {"15m", 15min}, {"1h30m", 90min}, {"1.5h", 90min},
      {"250ms", 250ms}, {"7d", 168h},   {"2w", 336h},
  };
  for (const auto& [text, duration] : cases) EXPECT_EQ(parse_duration(text), duration) << text;
  for (const char* text : {"", "5", "s", "1h30", "-5s", "1..5s", "1e3s", "5 s", "36526d"}) {
    EXPECT_THROW(parse_duration(text), Error) << text;
  }
}

TEST(TimeText, ShowsAndParsesSizes) {
  const std::vector<std::pair<std::uint64_t, const char*>> shown = {
      {0, "0 B"},
      {999, "999 B"},
      {1000, "1.0 kB"},
      {999'949, "999.9 kB"},
      {999'950, "1.0 MB"},
      {1'200'000'000, "1.2 GB"},
      {~std::uint64_t{0}, "18.4 EB"},
  };
  for (const auto& [bytes, text] : shown) EXPECT_EQ(format_size(bytes), text);
  const std::vector<std::pair<const char*, std::uint64_t>> parsed = {
      {"0", 0},
      {"4096", 4096},
      {"4096B", 4096},
      {"128MiB", 134'217'728},
      {"128M", 134'217'728},
      {"10 MB", 10'000'000},
      {"1.5GiB", 1'610'612'736},
      {"2kB", 2000},
      {"2K", 2048},
  };
  for (const auto& [text, bytes] : parsed) EXPECT_EQ(parse_size(text), bytes) << text;
  for (const char* text : {"", "B", "MB", "-1", "1.2.3", "10 MB x", "10iB", "99999P", "nan", "1e3"}) {
    EXPECT_THROW(parse_size(text), Error) << text;
  }
}

}  // namespace
}  // namespace litewright
