// Jobs by a clock that is moved by hand: through a month with daylight-saving changes, through downtime.
#include "schedule/timetable.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/test_folder.h"
#include "base/thrown_error_test.h"
#include "base/time_text.h"
#include "schedule/run_history.h"

namespace litewright {
namespace {

using namespace std::chrono_literals;

WallTime at(std::string_view text) { return parse_time(text, WallTime{}); }

struct MovedClock final : Clock {
  WallTime wall() const override { return now; }
  SteadyTime steady() const override { return {}; }
  WallTime now{};
};

Job job(const std::string& name, std::string_view schedule, const TimeZone& zone, JobRules rules = {}) {
  return {.name = name, .schedule = Schedule::parse(schedule, zone), .rules = rules};
}

// The schedules of both runbooks, in a zone.
std::vector<Job> runbook_jobs(const TimeZone& zone) {
  return {job("hourly", "0 * * * *", zone), job("daily", "0 2 * * *", zone), job("health", "0 8 * * *", zone),
          job("weekly", "0 3 * * 0", zone), job("monthly", "0 4 1 * *", zone)};
}

std::string local(const TimeZone& zone, WallTime time) {
  return format_utc_time(WallTime(std::chrono::seconds(zone.local(time).value))).substr(0, 16);
}

// Looked at every five minutes; each run takes `takes`.
std::map<std::string, std::vector<WallTime>> run_month(const TimeZone& zone, WallTime from, WallTime to,
                                                       std::chrono::minutes takes) {
  Timetable table(runbook_jobs(zone), {}, from);
  std::map<std::string, std::vector<WallTime>> begun;
  std::map<std::string, WallTime> ends;
  for (WallTime now = from; now < to; now += 5min) {
    for (auto end = ends.begin(); end != ends.end();) {
      if (now < end->second) {
        ++end;
        continue;
      }
      table.ended(end->first, now, RunEnd::kDone);
      end = ends.erase(end);
    }
    const Timetable::Tick tick = table.tick(now);
    EXPECT_TRUE(tick.skips.empty());
    for (const Timetable::Start& start : tick.starts) {
      EXPECT_EQ(start.due, now) << start.job;
      begun[start.job].push_back(now);
      ends[start.job] = now + takes;
    }
  }
  return begun;
}

TEST(Timetable, AMonthWithClocksSetForwardHasEveryRunAtItsHour) {
  const TimeZone zone = TimeZone::find("Europe/Berlin");
  // On 29 March 2026 clocks go from 02:00 to 03:00: the run of 02:00 comes at 03:00, no hour is run twice.
  const auto begun = run_month(zone, at("2026-03-01T00:00:00+01:00"), at("2026-04-01T00:01:00+02:00"), 5min);
  EXPECT_EQ(begun.at("hourly").size(), 31U * 24 - 1);
  EXPECT_EQ(begun.at("daily").size(), 31U);
  for (const WallTime time : begun.at("daily")) {
    const std::string shown = local(zone, time);
    EXPECT_EQ(shown.substr(11), shown.starts_with("2026-03-29") ? "03:00" : "02:00");
  }
  for (const WallTime time : begun.at("health")) EXPECT_EQ(local(zone, time).substr(11), "08:00");
  std::vector<std::string> weekly;
  for (const WallTime time : begun.at("weekly")) weekly.push_back(local(zone, time));
  EXPECT_EQ(weekly, (std::vector<std::string>{"2026-03-01T03:00", "2026-03-08T03:00", "2026-03-15T03:00",
                                              "2026-03-22T03:00", "2026-03-29T03:00"}));
  EXPECT_EQ(begun.at("monthly").size(), 1U);
}

TEST(Timetable, AMonthWithClocksSetBackRunsNothingTwice) {
  const TimeZone zone = TimeZone::find("Europe/Berlin");
  // On 25 October 2026 clocks show the hour from 02:00 to 03:00 twice.
  const auto begun = run_month(zone, at("2026-10-01T00:00:00+02:00"), at("2026-11-01T00:01:00+01:00"), 5min);
  EXPECT_EQ(begun.at("hourly").size(), 31U * 24 + 1);
  EXPECT_EQ(begun.at("daily").size(), 31U);
  std::set<std::string> days;
  for (const WallTime time : begun.at("daily")) {
    EXPECT_EQ(local(zone, time).substr(11), "02:00");
    days.insert(local(zone, time).substr(0, 10));
  }
  EXPECT_EQ(days.size(), 31U);
  EXPECT_EQ(begun.at("weekly").size(), 4U);
}

class TimetableTest : public testing::Test {
 protected:
  const TimeZone utc_ = TimeZone::find("UTC");
  const WallTime start_ = at("2026-11-02T00:30:00Z");
};

TEST_F(TimetableTest, AfterDowntimeTheLatestMissedDueTimeIsCaughtUpWithOnce) {
  const std::map<std::string, PastRuns> past = {
      {"daily", {.handled = at("2026-11-01T02:00:00Z"), .attempts = 1}}};
  Timetable table({job("daily", "0 2 * * *", utc_)}, past, start_);
  const Timetable::Tick tick = table.tick(at("2026-11-05T09:00:00Z"));
  ASSERT_EQ(tick.starts.size(), 1U);
  EXPECT_EQ(tick.starts[0].due, at("2026-11-05T02:00:00Z"));
  EXPECT_EQ(tick.starts[0].why, Timetable::Why::kCaughtUp);
  ASSERT_EQ(tick.skips.size(), 3U);
  EXPECT_EQ(tick.skips[0].due, at("2026-11-02T02:00:00Z"));
  EXPECT_EQ(tick.skips[0].why, "missed while nothing ran");
  table.ended("daily", at("2026-11-05T09:05:00Z"), RunEnd::kDone);
  EXPECT_TRUE(table.tick(at("2026-11-05T23:00:00Z")).starts.empty());
  // A clock that is set back runs nothing again.
  EXPECT_TRUE(table.tick(at("2026-11-05T01:59:00Z")).starts.empty());
  EXPECT_TRUE(table.tick(at("2026-11-05T02:00:00Z")).starts.empty());
  EXPECT_EQ(table.tick(at("2026-11-06T02:00:00Z")).starts.size(), 1U);
}

TEST_F(TimetableTest, AClockThatWasAheadStopsNothingAndASmallStepBackRunsNothingAgain) {
  struct Case {
    const char *set_to, *next;  // after the run of 5 November, 02:00
  };
  for (const Case& one : {Case{"2026-11-05T01:59:50Z", "2026-11-06T02:00:00Z"},
                          Case{"2026-11-05T01:05:00Z", "2026-11-06T02:00:00Z"},
                          Case{"2026-11-03T09:00:00Z", "2026-11-04T02:00:00Z"},
                          Case{"2020-01-01T00:00:00Z", "2020-01-01T02:00:00Z"}}) {
    Timetable runs_on({job("daily", "0 2 * * *", utc_)}, {}, start_);
    runs_on.tick(at("2026-11-05T02:00:00Z"));
    runs_on.ended("daily", at("2026-11-05T02:00:05Z"), RunEnd::kDone);
    Timetable anew(
        {job("daily", "0 2 * * *", utc_)},
        {{"daily", {.since = at(one.set_to), .handled = at("2026-11-05T02:00:00Z"), .attempts = 1}}},
        at(one.set_to));
    for (Timetable* table : {&runs_on, &anew}) {
      const Timetable::Tick tick = table->tick(at(one.set_to));
      EXPECT_TRUE(tick.starts.empty() && tick.skips.empty()) << one.set_to;
      EXPECT_EQ(table->next_start("daily", at(one.set_to)), at(one.next));
      EXPECT_TRUE(table->tick(at(one.next) - 1s).starts.empty()) << one.set_to;
      EXPECT_EQ(table->tick(at(one.next)).starts.size(), 1U) << one.set_to;
    }
  }
}

// What the history has of a June that was none: after restarts in January the real past counts.
TEST_F(TimetableTest, TheHistoryOfAClockThatWasAheadCountsForNothing) {
  const TestFolder folder;
  MovedClock clock;
  RunHistory history(folder.path("."), clock);
  const std::vector<Job> jobs = {job("daily", "0 2 * * *", utc_)};
  clock.now = at("2026-06-01T01:00:00Z");
  history.join("/data/app.db", jobs);
  const auto run = [&](const char* due) {
    clock.now = at(due);
    history.end(history.begin("daily", "/data/app.db", clock.now, 1).id, RunResult::kDone, "", "[]");
  };
  run("2026-06-01T02:00:00Z");
  clock.now = at("2026-01-10T00:00:00Z");
  EXPECT_EQ(history.join("/data/app.db", jobs).at("daily").since, clock.now);
  run("2026-01-10T02:00:00Z");
  clock.now = at("2026-01-13T00:00:00Z");
  const auto past = history.join("/data/app.db", jobs);
  EXPECT_EQ(past.at("daily").handled, at("2026-01-10T02:00:00Z"));
  EXPECT_EQ(past.at("daily").since, at("2026-01-10T00:00:00Z"));
  Timetable table(jobs, past, clock.now);
  EXPECT_EQ(table.tick(clock.now).starts.at(0).due, at("2026-01-12T02:00:00Z"));
}

TEST_F(TimetableTest, WithoutCatchUpMissedDueTimesAreRecordedAndSkipped) {
  const std::map<std::string, PastRuns> past = {
      {"daily", {.handled = at("2026-11-01T02:00:00Z"), .attempts = 1}}};
  Timetable table({job("daily", "0 2 * * *", utc_, {.catch_up = JobRules::CatchUp::kNever})}, past, start_);
  const Timetable::Tick tick = table.tick(at("2026-11-03T09:00:00Z"));
  EXPECT_TRUE(tick.starts.empty());
  EXPECT_EQ(tick.skips.size(), 2U);
  EXPECT_EQ(tick.wake, at("2026-11-04T02:00:00Z"));
}

TEST_F(TimetableTest, AJobIsNotBegunBesideItself) {
  Timetable table({job("hourly", "0 * * * *", utc_)}, {}, start_);
  EXPECT_EQ(table.tick(at("2026-11-02T01:00:00Z")).starts.size(), 1U);
  const Timetable::Tick second = table.tick(at("2026-11-02T02:00:00Z"));
  EXPECT_TRUE(second.starts.empty());
  ASSERT_EQ(second.skips.size(), 1U);
  EXPECT_EQ(second.skips[0].why, "still running");
  table.ended("hourly", at("2026-11-02T02:10:00Z"), RunEnd::kDone);
  EXPECT_EQ(table.tick(at("2026-11-02T03:00:00Z")).starts.size(), 1U);
}

TEST_F(TimetableTest, AFailedRunIsTriedAgainMoreSlowlyEachTimeAndThenGivenUp) {
  Timetable table({job("daily", "0 2 * * *", utc_, {.retries = 2, .first_backoff = 1min})}, {}, start_);
  WallTime now = at("2026-11-02T02:00:00Z");
  std::vector<std::chrono::minutes> waits;
  ASSERT_EQ(table.tick(now).starts.size(), 1U);
  for (int attempt = 2; attempt <= 3; attempt++) {
    table.ended("daily", now, RunEnd::kFailed);
    const WallTime wake = table.tick(now).wake;
    waits.push_back(std::chrono::duration_cast<std::chrono::minutes>(wake - now));
    EXPECT_TRUE(table.tick(wake - 1s).starts.empty());
    const Timetable::Tick tick = table.tick(wake);
    ASSERT_EQ(tick.starts.size(), 1U);
    EXPECT_EQ(tick.starts[0].attempt, attempt);
    EXPECT_EQ(tick.starts[0].due, at("2026-11-02T02:00:00Z"));
    now = wake;
  }
  EXPECT_EQ(waits, (std::vector<std::chrono::minutes>{1min, 2min}));
  table.ended("daily", now, RunEnd::kFailed);
  EXPECT_EQ(table.tick(now).wake, at("2026-11-03T02:00:00Z"));
}

TEST_F(TimetableTest, TheNextDueTimeTakesTheRetrysPlace) {
  Timetable table({job("hourly", "0 * * * *", utc_, {.first_backoff = 50min})}, {}, start_);
  table.tick(at("2026-11-02T01:00:00Z"));
  table.ended("hourly", at("2026-11-02T01:30:00Z"), RunEnd::kFailed);
  const Timetable::Tick tick = table.tick(at("2026-11-02T02:00:00Z"));
  ASSERT_EQ(tick.starts.size(), 1U);
  EXPECT_EQ(tick.starts[0].attempt, 1);
  table.ended("hourly", at("2026-11-02T02:01:00Z"), RunEnd::kDone);
  EXPECT_TRUE(table.tick(at("2026-11-02T02:30:00Z")).starts.empty());
}

TEST_F(TimetableTest, ARetryThatHasNoTurnBeforeTheNextDueTimeIsNoDueTimeSkipped) {
  Timetable table({job("hourly", "0 * * * *", utc_)}, {}, start_);
  const auto never = [](const Timetable::Start&) { return false; };
  table.tick(at("2026-11-02T01:00:00Z"));
  table.ended("hourly", at("2026-11-02T01:30:00Z"), RunEnd::kFailed);
  ASSERT_EQ(table.tick(at("2026-11-02T01:50:00Z"), never).waiting.at(0).attempt, 2);
  const Timetable::Tick next = table.tick(at("2026-11-02T02:00:00Z"), never);
  EXPECT_TRUE(next.skips.empty());
  EXPECT_EQ(next.waiting.at(0).due, at("2026-11-02T02:00:00Z"));
}

TEST_F(TimetableTest, WhatMayNotBeginStaysDueHoweverLateAndGivesWayToTheNext) {
  Timetable table({job("hourly", "0 * * * *", utc_, {.catch_up = JobRules::CatchUp::kNever})}, {}, start_);
  const auto never = [](const Timetable::Start&) { return false; };
  const Timetable::Tick first = table.tick(at("2026-11-02T01:00:00Z"), never);
  EXPECT_TRUE(first.starts.empty());
  ASSERT_EQ(first.waiting.size(), 1U);
  EXPECT_EQ(first.waiting[0].due, at("2026-11-02T01:00:00Z"));
  const Timetable::Tick late = table.tick(at("2026-11-02T01:50:00Z"), never);
  EXPECT_EQ(late.waiting.size(), 1U);
  EXPECT_TRUE(late.skips.empty());
  const Timetable::Tick next = table.tick(at("2026-11-02T02:00:30Z"), never);
  ASSERT_EQ(next.skips.size(), 1U);
  EXPECT_EQ(next.skips[0].due, at("2026-11-02T01:00:00Z"));
  EXPECT_EQ(next.skips[0].why, "had no turn before the next");
  const Timetable::Tick turn = table.tick(at("2026-11-02T02:40:00Z"));
  ASSERT_EQ(turn.starts.size(), 1U);
  EXPECT_EQ(turn.starts[0].due, at("2026-11-02T02:00:00Z"));
  EXPECT_EQ(turn.starts[0].attempt, 1);
  table.ended("hourly", at("2026-11-02T02:41:00Z"), RunEnd::kFailed);
  EXPECT_EQ(table.tick(at("2026-11-02T02:43:00Z"), never).waiting.at(0).attempt, 2);
  EXPECT_EQ(table.tick(at("2026-11-02T02:44:00Z")).starts.at(0).why, Timetable::Why::kRetry);
}

TEST_F(TimetableTest, ARunOverItsTimeIsToldOnce) {
  Timetable table({job("daily", "0 2 * * *", utc_, {.time_limit = 10min})}, {}, start_);
  EXPECT_EQ(table.tick(at("2026-11-02T02:00:00Z")).wake, at("2026-11-02T02:10:00Z"));
  EXPECT_EQ(table.tick(at("2026-11-02T02:10:00Z")).over_time, std::vector<std::string>{"daily"});
  EXPECT_TRUE(table.tick(at("2026-11-02T02:11:00Z")).over_time.empty());
}

TEST_F(TimetableTest, JitterIsTheSameForTheSameDueTimeAndSpreadsJobs) {
  const JobRules rules{.jitter = 10min};
  std::set<WallTime> times;
  for (int i = 0; i < 20; i++) {
    const std::string name = fmt::format("job{}", i);
    const Timetable one({job(name, "0 2 * * *", utc_, rules)}, {}, start_);
    const Timetable two({job(name, "0 2 * * *", utc_, rules)}, {}, start_);
    const WallTime time = one.next_start(name, start_);
    EXPECT_EQ(time, two.next_start(name, start_));
    EXPECT_GE(time, at("2026-11-02T02:00:00Z"));
    EXPECT_LT(time, at("2026-11-02T02:10:00Z"));
    times.insert(time);
  }
  EXPECT_GT(times.size(), 15U);
}

TEST_F(TimetableTest, AnInterruptedRunIsRecordedAndDoneAgainAtMostOnce) {
  const TestFolder folder;
  MovedClock clock;
  clock.now = at("2026-11-02T02:00:00Z");
  RunHistory history(folder.path("."), clock);
  const std::int64_t id = history.begin("daily", "/data/app.db", clock.now, 1).id;
  EXPECT_EQ(history.mark_interrupted(), 0U);  // this process is there
  Connection(folder.path("runs.db"), {})
      .execute("UPDATE runs SET start_ticks=start_ticks+1");  // of another life
  EXPECT_EQ(history.mark_interrupted(), 1U);
  ASSERT_EQ(history.newest({}).size(), 1U);
  EXPECT_EQ(history.newest({})[0].id, id);
  EXPECT_EQ(history.newest({})[0].result, RunResult::kInterrupted);
  clock.now = at("2026-11-02T02:30:00Z");
  Timetable table({job("daily", "0 2 * * *", utc_)}, history.past("/data/app.db"), clock.now);
  const Timetable::Tick tick = table.tick(clock.now);
  ASSERT_EQ(tick.starts.size(), 1U);
  EXPECT_EQ(tick.starts[0].why, Timetable::Why::kInterrupted);
  EXPECT_EQ(tick.starts[0].attempt, 2);
  history.begin("daily", "/data/app.db", tick.starts[0].due, tick.starts[0].attempt);
  Connection(folder.path("runs.db"), {}).execute("UPDATE runs SET start_ticks=start_ticks+1");
  EXPECT_EQ(history.mark_interrupted(), 1U);
  Timetable third({job("daily", "0 2 * * *", utc_)}, history.past("/data/app.db"), clock.now);
  EXPECT_TRUE(third.tick(clock.now).starts.empty());
}

TEST_F(TimetableTest, AnInterruptedRunIsDoneAgainThoughTheNextDueTimeWasSkippedForIt) {
  const TestFolder folder;
  MovedClock clock;
  clock.now = at("2026-11-02T02:00:00Z");
  RunHistory history(folder.path("."), clock);
  history.begin("hourly", "/data/app.db", clock.now, 1);
  history.skip("hourly", "/data/app.db", at("2026-11-02T03:00:00Z"), "still running");
  EXPECT_EQ(history.going("/data/app.db"), 1U);
  Connection(folder.path("runs.db"), {}).execute("UPDATE runs SET start_ticks=start_ticks+1");
  EXPECT_EQ(history.mark_interrupted(), 1U);
  EXPECT_EQ(history.going("/data/app.db"), 0U);
  clock.now = at("2026-11-02T03:10:00Z");
  Timetable table({job("hourly", "0 * * * *", utc_)}, history.past("/data/app.db"), clock.now);
  const Timetable::Tick tick = table.tick(clock.now);
  ASSERT_EQ(tick.starts.size(), 1U);
  EXPECT_EQ(tick.starts[0].due, at("2026-11-02T02:00:00Z"));
  EXPECT_EQ(tick.starts[0].attempt, 2);
}

// How the attempts of a due time ended before the restart, and when and how it goes on after it.
TEST_F(TimetableTest, WhatFailedBeforeARestartIsTriedAgainAtItsTime) {
  using enum RunResult;
  struct Case {
    const char* name;
    std::vector<RunResult> before;  // a minute apart, from 02:00
    std::string again;              // by 12:00: when, which attempt; empty: not
    JobRules rules = {};
    std::string now = "2026-11-02T02:02:30Z";
  };
  const std::vector<Case> cases = {
      {"failed once", {kFailed}, "02:02:30 attempt 2"},
      {"failed once, a moment ago", {kFailed}, "02:01:00 attempt 2", {}, "2026-11-02T02:00:10Z"},
      {"failed twice", {kFailed, kFailed}, "02:03:00 attempt 3"},
      {"had all its attempts", {kFailed, kFailed, kFailed}, ""},
      {"no retries", {kFailed}, "", {.retries = 0}},
      {"was well", {kFailed, kDone}, ""},
      {"took too long", {kOverTime}, ""},
      {"interrupted", {kInterrupted}, "02:02:30 attempt 2"},
      {"interrupted, no retries", {kInterrupted}, "02:02:30 attempt 2", {.retries = 0}},
      {"interrupted twice", {kInterrupted, kInterrupted}, ""},
      {"failed, then interrupted", {kFailed, kInterrupted}, "02:02:30 attempt 3"},
      {"interrupted, then failed", {kInterrupted, kFailed}, "02:03:00 attempt 3"},
      {"the last attempt interrupted", {kFailed, kFailed, kInterrupted}, ""},
      {"long ago", {kFailed}, "", {.longest_lateness = 1h}, "2026-11-02T04:00:00Z"},
      {"nothing is caught up with",
       {kFailed},
       "",
       {.catch_up = JobRules::CatchUp::kNever},
       "2026-11-02T04:00:00Z"},
      {"the clock was set back", {kFailed}, "00:31:00 attempt 2", {}, "2026-11-02T00:30:00Z"},
  };
  for (const auto& [name, before, again, rules, now] : cases) {
    const TestFolder folder;
    MovedClock clock;
    RunHistory history(folder.path("."), clock);
    const WallTime due = at("2026-11-02T02:00:00Z");
    for (std::size_t i = 0; i < before.size(); i++) {
      clock.now = due + i * 1min;
      history.end(history.begin("daily", "/data/app.db", due, static_cast<int>(i) + 1).id, before[i], "",
                  "[]");
    }
    Timetable table({job("daily", "0 2 * * *", utc_, rules)}, history.past("/data/app.db"), at(now));
    std::string begun;
    for (WallTime time = at(now); time < at("2026-11-02T12:00:00Z") && begun.empty();) {
      const Timetable::Tick tick = table.tick(time);
      for (const Timetable::Start& start : tick.starts)
        begun = fmt::format("{} attempt {}", format_utc_time(time).substr(11, 8), start.attempt);
      time = std::max(tick.wake, time + 1s);
    }
    EXPECT_EQ(begun, again) << name;
  }
}

TEST_F(TimetableTest, SinceWhenAScheduleIsKnownIsKept) {
  const TestFolder folder;
  MovedClock clock;
  clock.now = start_;
  const std::string database = "/data/app.db";
  const auto since = [&](const std::vector<Job>& jobs) {
    return RunHistory(folder.path("."), clock).join(database, jobs).at("daily").since;
  };
  const std::vector<Job> daily = {job("daily", "0 2 * * *", utc_)}, later = {job("daily", "0 3 * * *", utc_)};
  EXPECT_EQ(since(daily), start_);
  clock.now = start_ + 24h;
  EXPECT_EQ(since(daily), start_);
  EXPECT_EQ(since(later), start_ + 24h);
  // One that an earlier version ran had this schedule, as far as anybody knows.
  Connection(folder.path("runs.db"), {}).execute("DELETE FROM schedules");
  RunHistory(folder.path("."), clock).skip("daily", database, start_ + 2h, "missed while nothing ran");
  EXPECT_EQ(since(later), start_ + 2h);
}

TEST_F(TimetableTest, ARunIsTakenOverByTheProcessThatDoesIt) {
  const TestFolder folder;
  MovedClock clock;
  RunHistory history(folder.path("."), clock);
  const std::int64_t id = history.begin("daily", "/data/app.db", start_, 1).id;
  Connection(folder.path("runs.db"), {}).execute("UPDATE runs SET start_ticks=start_ticks+1");
  EXPECT_TRUE(history.adopt(id));
  EXPECT_EQ(history.mark_interrupted(), 0U);
  history.end(id, RunResult::kDone, "7 steps done", "[]");
  EXPECT_FALSE(history.adopt(id));
  EXPECT_FALSE(history.adopt(id + 1));
  EXPECT_EQ(history.find(id)->summary, "7 steps done");
  EXPECT_FALSE(history.find(id + 1));
}

// This process's own run is in the way of whoever comes, until it has ended; a dead one's is not.
TEST_F(TimetableTest, NeverTwoRunsOnOneDatabase) {
  const TestFolder folder;
  MovedClock clock;
  RunHistory history(folder.path("."), clock), other(folder.path("."), clock);
  const std::int64_t asked = other.ask("hourly", "/data/app.db");
  const RunRecord weekly = history.begin("weekly", "/data/app.db", start_, 1);
  const auto refused = other.try_begin("hourly", "/data/app.db", start_, 1);
  ASSERT_TRUE(refused.in_the_way && !refused.run);
  EXPECT_EQ(refused.in_the_way->text(), fmt::format("run {} (weekly, pid {})", weekly.id, ::getpid()));
  EXPECT_TRUE(other.begin_waiting(asked).in_the_way);
  EXPECT_EQ(other.find(asked)->result, RunResult::kWaiting);
  EXPECT_TRUE(other.try_begin("hourly", "/data/other.db", start_, 1).run);
  const auto error = error_of([&] { other.begin("daily", "/data/app.db", start_, 0); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kLocked);
  EXPECT_NE(std::string(error->what()).find("is under way on it"), std::string::npos);
  history.end(weekly.id, RunResult::kDone, "", "[]");
  const auto turn = other.begin_waiting(asked);
  ASSERT_TRUE(turn.run);
  EXPECT_EQ(turn.run->id, asked);
  Connection(folder.path("runs.db"), {.mode = OpenMode::kReadWrite})
      .execute("UPDATE runs SET start_ticks=1 WHERE ended IS NULL");
  EXPECT_TRUE(other.try_begin("hourly", "/data/app.db", start_, 1).run);
  EXPECT_EQ(other.find(asked)->result, RunResult::kInterrupted);
}

TEST_F(TimetableTest, WhatAnotherDaemonDidOfADueTimeIsNotDoneAgainWhileThatIsThere) {
  const TestFolder folder;
  MovedClock clock;
  RunHistory history(folder.path("."), clock);
  Connection rows(folder.path("runs.db"), {.mode = OpenMode::kReadWrite});
  const pid_t other = ::fork();
  ASSERT_GE(other, 0);
  if (other == 0) {
    const RunRecord run = RunHistory(folder.path("."), clock).begin("daily", "/data/app.db", start_, 1);
    RunHistory(folder.path("."), clock).end(run.id, RunResult::kFailed, "", "[]");
    ::pause();
  }
  while (history.newest({}).empty() || !history.newest({})[0].ended) ::usleep(1000);
  const auto first = history.try_begin("daily", "/data/app.db", start_, 1);
  ASSERT_TRUE(first.had && !first.run);
  EXPECT_EQ(first.had->result, RunResult::kFailed);
  const auto again = history.try_begin("daily", "/data/app.db", start_, 2);
  ASSERT_TRUE(again.run);
  history.end(again.run->id, RunResult::kDone, "", "[]");
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  EXPECT_TRUE(history.try_begin("daily", "/data/app.db", start_, 1).run);
}

TEST_F(TimetableTest, AHistoryOfAnOlderVersionIsTakenOver) {
  const TestFolder folder;
  MovedClock clock;
  {
    const RunHistory made(folder.path("."), clock);
  }
  {
    Connection before(folder.path("runs.db"), {.mode = OpenMode::kReadWrite});
    before.execute("ALTER TABLE runs DROP COLUMN maker; ALTER TABLE runs DROP COLUMN maker_ticks");
    before.execute(
        "INSERT INTO runs(job, database, due, attempt, began, ended, result) VALUES('daily', "
        "'/data/app.db', 0, 1, 0, 0, 'done')");
  }
  RunHistory history(folder.path("."), clock);
  EXPECT_TRUE(history.try_begin("daily", "/data/app.db", WallTime{}, 1).run);
}

TEST_F(TimetableTest, TheHistoryKeepsWhatRunsSaidAndForgetsTheOldest) {
  const TestFolder folder;
  MovedClock clock;
  RunHistory history(folder.path("."), clock);
  for (int i = 0; i < 6; i++) {
    clock.now = start_ + i * 24h;
    const std::int64_t id = history.begin("daily", "/data/app.db", clock.now, 1).id;
    clock.now += 90s;
    history.end(id, RunResult::kDone, fmt::format("run {}", i), "[]");
  }
  history.skip("daily", "/data/other.db", start_, "still running");
  const auto newest = history.newest({.database = "/data/app.db", .most = 2});
  ASSERT_EQ(newest.size(), 2U);
  EXPECT_EQ(newest[0].summary, "run 5");
  EXPECT_EQ(*newest[0].ended - newest[0].began, 90s);
  EXPECT_EQ(history.past("/data/app.db").at("daily").handled, start_ + 5 * 24h);
  EXPECT_EQ(history.forget(2), 4U);
  EXPECT_EQ(history.newest({}).size(), 3U);
}

}  // namespace
}  // namespace litewright
