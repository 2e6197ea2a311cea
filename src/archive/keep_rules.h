// Which restore points stay, in the words of pgBackRest and restic: pure, on times alone. The same rules thin
// the commits of an archive and the plain copies in a folder.
//
// A period rule ("one an hour") keeps the newest point of each period. Periods are those of the local
// calendar (libc's zone: $TZ, /etc/localtime): days begin at local midnight, weeks on Monday (ISO 8601). A
// minute or hour that a clock change repeats counts as two. What a coarser rule keeps every finer one keeps
// too while its span reaches that far: points thin out with age without going and coming back.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace litewright {

enum class KeepPeriod { kMinute, kHour, kDay, kWeek, kMonth, kYear };
inline constexpr std::size_t kKeepPeriods = 6;

// How far back a period rule reaches: so many periods that have a point, or so long, or both (whichever ends
// first).
struct KeepSpan {
  std::optional<std::uint64_t> count;
  std::optional<std::chrono::nanoseconds> within;
  bool operator==(const KeepSpan&) const = default;
};

struct KeepRules {
  std::uint64_t last = 0;                                   // so many of the newest
  std::optional<std::chrono::nanoseconds> within;           // all that are no older
  std::array<std::optional<KeepSpan>, kKeepPeriods> every;  // by KeepPeriod
  // Limits on what the rules above keep (on everything, where there is none of them):
  std::optional<std::chrono::nanoseconds> max_age;  // what is older goes
  std::optional<std::uint64_t> max_bytes;           // beyond it the oldest go
  std::uint64_t min = 0;                            // so many of the newest stay in spite of both

  std::optional<KeepSpan>& of(KeepPeriod period) { return every[static_cast<std::size_t>(period)]; }
  const std::optional<KeepSpan>& of(KeepPeriod period) const {
    return every[static_cast<std::size_t>(period)];
  }
  bool keeps_anything_by_rule() const;  // one of last, within, every is set
  bool empty() const;                   // nothing is set: everything stays
  bool operator==(const KeepRules&) const = default;
};

// Every point for 24 hours, one a minute for 7 days, one an hour for 30 days, one a day for 365 days.
KeepRules default_keep_rules();

// Why a point stays, the first that holds in this order; kNone: it goes.
enum class KeepReason {
  kNone,
  kPinned,  // named by hand, or proven
  kNewest,
  kMinimum,
  kAll,  // no rule but limits: all that they let stay
  kLast,
  kWithin,
  kMinutely,
  kHourly,
  kDaily,
  kWeekly,
  kMonthly,
  kYearly,
};
// "pinned", "newest", "keep-min", "", "keep-last", "keep-within", "keep-minutely", …; "-" for kNone.
std::string_view keep_reason_name(KeepReason reason);

// Seconds east of UTC that local clocks show at a UTC second.
using LocalOffset = std::function<std::int64_t(std::int64_t utc_seconds)>;
std::int64_t system_local_offset(std::int64_t utc_seconds);  // libc's zone

// Judges points one by one, the newest first; holds only a few numbers, so that millions of points stream
// through. A point that is newer by its time than the one before it (the clock was set back) counts as being
// as old as that one; one from the future is of now. max_bytes is not its business: see judge_points().
class KeepJudge {
 public:
  KeepJudge(const KeepRules& rules, WallTime now, LocalOffset offset = system_local_offset);

  // `pinned`: it stays whatever the rules say; it uses up the rules' counts like any other.
  KeepReason judge(WallTime at, bool pinned = false);

 private:
  struct Period {
    KeepSpan span;
    std::uint64_t kept = 0;
    std::optional<std::pair<std::int64_t, std::int64_t>> last;
  };
  bool takes(std::size_t period, WallTime at, std::chrono::nanoseconds age);
  std::int64_t offset_at(std::int64_t utc);

  KeepRules rules_;
  WallTime now_;
  LocalOffset offset_;
  bool by_rule_;
  std::array<std::optional<Period>, kKeepPeriods> periods_;
  std::uint64_t seen_ = 0;
  WallTime before_;
  std::int64_t offset_from_ = 1, offset_until_ = 0, offset_value_ = 0;  // a stretch with one offset
};

struct KeepPoint {
  WallTime at;
  std::uint64_t bytes = 0;  // freed where it goes
  bool pinned = false;
};

// The verdict on each point, in the order given: the newest first. Where what stays exceeds max_bytes the
// oldest of it go first, never a pinned one, the newest, or one of the `min` newest.
std::vector<KeepReason> judge_points(std::span<const KeepPoint> newest_first, const KeepRules& rules,
                                     WallTime now, const LocalOffset& offset = system_local_offset);

// "30" (periods that have a point), "7d" (how long back), "all". Throws Error{kUsage}.
KeepSpan parse_keep_span(std::string_view text);

// "one a minute for 7 d", …: the rules in words, for people.
std::string describe(const KeepRules& rules);

}  // namespace litewright
