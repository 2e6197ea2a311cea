// Times, durations and sizes as people write and read them. Times are local in text and UTC in JSON; the
// local zone is libc's ($TZ, /etc/localtime).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace litewright {

// Accepts
//   now
//   -15m, -2h, -3d, -30s, -1h30m         before `now` (units w d h m s; a day is 24 hours)
//   today 09:00, yesterday 18:00:30      local
//   2026-11-20                           local midnight
//   2026-11-20 14:03, … 14:03:05.25      local; `T` for the space, up to nine digits of fraction
//   2026-11-20T14:03:05Z, …+01:00, …+0100, …+01   with a zone
// A local time that a clock change repeats means its first occurrence; one that it skips means that many
// minutes after the change (02:30 of a night that goes from 02:00 to 03:00 is 03:30). Who means another
// writes the zone. Throws Error{kUsage} for all else and for years outside 1970 to 2261.
WallTime parse_time(std::string_view text, WallTime now);

// "30s", "15m", "1h30m", "1.5h", "250ms", "7d", "2w". Not negative, at most 100 years. Throws Error{kUsage}.
std::chrono::nanoseconds parse_duration(std::string_view text);

// "2026-11-20 14:03:05", local; kMilliseconds: "2026-11-20 14:03:05.250", cut, not rounded.
enum class Precision { kSeconds, kMilliseconds };
std::string format_local_time(WallTime time, Precision precision = Precision::kSeconds);

// "2026-11-20T13:03:05.000000000Z": always nine digits, so that text sorts as time; parse_time() gives the
// same nanosecond back.
std::string format_utc_time(WallTime time);

// "820 µs", "1.5 s", "3 min", "2 h 5 min", "4 d 3 h".
std::string format_duration(std::chrono::nanoseconds duration);

// "3 min ago", "in 5.0 s", "now" (under a second).
std::string format_ago(WallTime time, WallTime now);

// "0 B", "999 B", "1.2 GB": powers of 1000.
std::string format_size(std::uint64_t bytes);

// "4096", "10 MB" (powers of 1000), "128MiB" and "128M" (powers of 1024), "1.5GiB". Throws Error{kUsage}.
std::uint64_t parse_size(std::string_view text);

}  // namespace litewright
