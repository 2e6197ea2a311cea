// Which jobs are to begin now: due times, jitter, no overlap with itself, catch-up after downtime, time
// limits, retries with backoff. A state machine without a clock, a thread or memory beyond the process of its
// own: it is told the time, how runs ended, and at its beginning what the history knows; what is still to be
// tried again follows from that, so a restart forgets none of it.
//
// The rules:
//   1. A due time is handled once: it is begun, or it is skipped and recorded so. Never again after that,
//      whatever clocks do.
//   2. A job that still runs when it is due again is not begun beside itself: that due time is skipped. One
//      that still waits for its turn then gives way to the new due time.
//   3. After downtime the latest missed due time is caught up with, once (kLatest), or none is (kNever). One
//      that lies further back than `longest_lateness` is skipped. That holds from the moment a job is known:
//      its very first due time, too. A schedule that was changed has missed nothing by its new hours.
//   4. A run that failed is tried again after a while, more slowly each time, until it has had 1 + `retries`
//      attempts, unless the next due time comes first. After downtime it is for that as for the due time
//      itself by rule 3.
//   5. A clock that is set back a little runs nothing again. What was handled further ahead than `kClockStep`
//      was so by a clock that was wrong: it counts for nothing, and the next due time is that of now.
//   6. A run that a kill interrupted is done again, once for each due time. That is one of its attempts, but
//      is had without any `retries`, too.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schedule/cron.h"

namespace litewright {

// By so much a clock may be set back behind a due time without this being due again.
inline constexpr std::chrono::hours kClockStep{2};

struct JobRules {
  std::chrono::nanoseconds jitter{0};  // begins so much later at most; the same for the same due time
  std::chrono::nanoseconds time_limit = std::chrono::hours(6);
  int retries = 2;
  std::chrono::nanoseconds first_backoff = std::chrono::minutes(1);
  std::chrono::nanoseconds longest_backoff = std::chrono::hours(1);
  enum class CatchUp { kLatest, kNever } catch_up = CatchUp::kLatest;
  std::chrono::nanoseconds longest_lateness = std::chrono::hours(24) * 7;
  bool operator==(const JobRules&) const = default;
};

struct Job {
  std::string name;  // unique
  Schedule schedule;
  JobRules rules = {};
  std::string scope = {};  // jobs of one name and other scopes have other jitters: the database
};

// How an attempt ended: kDone is also what is not to be tried again, as one that took too long.
enum class RunEnd { kDone, kFailed, kInterrupted };

// What is known of a job from before.
struct PastRuns {
  std::optional<WallTime> since = {};    // it has this schedule: due times before are not missed
  std::optional<WallTime> handled = {};  // the latest due time that was begun or skipped
  std::optional<WallTime> due = {};      // of the last run that began by its schedule
  int attempts = 0;                      // that it had
  int interruptions = 0;                 // among them
  RunEnd end = RunEnd::kDone;            // of the last of them
  std::optional<WallTime> ended = {};
};

class Timetable {
 public:
  // A job of which nothing is known is due from now on.
  Timetable(std::vector<Job> jobs, const std::map<std::string, PastRuns>& past, WallTime now);

  enum class Why { kDue, kCaughtUp, kRetry, kInterrupted };
  struct Start {
    std::string job = {};
    WallTime due = {};
    int attempt = 1;
    Why why = Why::kDue;
  };
  struct Skip {
    std::string job;
    WallTime due;
    std::string why;  // "still running", "missed while nothing ran", "had no turn before the next"
  };
  struct Tick {
    std::vector<Start> starts = {};
    std::vector<Start> waiting = {};  // are due, but may not begin
    std::vector<Skip> skips = {};
    std::vector<std::string> over_time = {};  // to be ended: told once a run
    WallTime wake{};                          // nothing is to be done before, unless a run ends
  };
  // What is returned under `starts` has begun. What `may_begin` says no to stays due, however late it then
  // is.
  using MayBegin = std::function<bool(const Start&)>;
  Tick tick(WallTime now, const MayBegin& may_begin = {});

  // What tick() gave could not be begun: it is due again, as if it had not been given, and no attempt of it
  // counts. To be said before the next tick().
  void not_begun(const Start& start);

  // A run of it is over, and is tried again by the rules.
  void ended(const std::string& job, WallTime now, RunEnd end);

  // When it begins next, jitter included; for people.
  WallTime next_start(const std::string& job, WallTime now) const;

 private:
  struct State {
    Job job;
    WallTime handled;    // due times up to here
    WallTime next = {};  // the one after it
    std::optional<WallTime> running_since = {};
    bool told_over_time = false;
    WallTime due = {};  // of the run that runs, or ran last
    int attempt = 0, interruptions = 0;
    std::optional<WallTime> retry_at = {};
    Why retry_why = Why::kRetry;
    struct Turn {
      WallTime due;
      Why why = Why::kDue;
    };
    std::optional<Turn> waiting = {};  // for its turn
  };
  static WallTime begins(const Job& job, WallTime due);
  static void set_back(State& state, WallTime now);
  static void take_past(State& state, const PastRuns& past, WallTime now);
  static std::optional<std::chrono::nanoseconds> backoff(const State& state, RunEnd end);
  static void take_due_times(State& state, WallTime now, Tick& tick);
  static void tick_job(State& state, WallTime now, const MayBegin& may_begin, Tick& tick);

  std::map<std::string, State> states_;
};

}  // namespace litewright
