// The schedules of docs/operating/schedules.md by a clock that is moved: through months with daylight-saving
// changes, through downtime and kills.
#include "serve/job_runner.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "base/file_descriptor.h"
#include "base/thrown_error_test.h"
#include "serve/moved_job_runner_test.h"

namespace litewright {
namespace {

// The TOML that the page shows first.
std::string documented_schedules() {
  const std::string page =
      read_whole_file(std::filesystem::path(LITEWRIGHT_SOURCE_DIR) / "docs/operating/schedules.md", 1 << 20);
  const std::size_t begin = page.find("```toml\n") + 8;
  return page.substr(begin, page.find("```", begin) - begin);
}

struct Month {
  const char *from, *to;
  std::size_t hours;
};

class JobMonthTest : public JobRunnerTest, public ::testing::WithParamInterface<Month> {};

TEST_P(JobMonthTest, EveryRunAtItsHourNothingTwiceNothingMissed) {
  const Month& month = GetParam();
  configure(documented_schedules());
  start(at(month.from));
  work_until(at(month.to));
  const std::string ora = "/data/ora.db", queue = "/data/queue.db";
  struct Daily {
    std::string job, database, hour;
  };
  for (const auto& [job, database, hour] :
       std::vector<Daily>{{"daily", ora, "02:00"}, {"daily", queue, "02:00"}, {"hourly", ora, "08:00"}}) {
    const auto all = runs(job, database);
    EXPECT_EQ(all.size(), 31u) << job << database;
    std::set<std::string> days;
    for (const RunRecord& run : all) {
      EXPECT_EQ(run.result, RunResult::kDone);
      EXPECT_EQ(run.began, run.due) << local(run.due);
      const std::string shown = local(run.due);
      // Clocks that are set forward skip 02:00: the run comes right after the change.
      const bool skipped = hour == "02:00" && shown.starts_with("2026-03-29");
      EXPECT_EQ(shown.substr(11), skipped ? "03:00" : hour);
      days.insert(shown.substr(0, 10));
    }
    EXPECT_EQ(days.size(), 31u);
  }
  EXPECT_EQ(runs("hourly", queue).size(), month.hours);
  for (const RunRecord& run : runs("weekly", ora)) EXPECT_EQ(local(run.due).substr(11), "03:00");
  EXPECT_EQ(runs("monthly", ora).size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(BothChanges, JobMonthTest,
                         ::testing::Values(Month{"2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00",
                                                 std::size_t{31} * 24 - 2},
                                           Month{"2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00",
                                                 std::size_t{31} * 24}));

TEST_F(JobRunnerTest, AfterDowntimeTheLatestIsCaughtUpWithAndTheOthersAreRecorded) {
  configure(kDaily);
  start(at("2026-11-01T00:00:00Z"));
  work_until(at("2026-11-03T12:00:00Z"));
  runner_.reset();
  start(at("2026-11-07T09:00:00Z"));
  work_until(at("2026-11-08T12:00:00Z"));
  std::vector<std::string> said;
  for (const RunRecord& run : runs("daily", "/data/app.db"))
    said.push_back(format_utc_time(run.due).substr(8, 2) + " " + std::string(run_result_name(run.result)) +
                   " " + format_utc_time(run.began).substr(8, 8));
  EXPECT_EQ(said, (std::vector<std::string>{"01 done 01T02:00", "02 done 02T02:00", "03 done 03T02:00",
                                            "04 skipped 07T09:00", "05 skipped 07T09:00",
                                            "06 skipped 07T09:00", "07 done 07T09:00", "08 done 08T02:00"}));
}

// A new state folder, three databases, one run at a time: ended before two had their turn.
TEST_F(JobRunnerTest, TheVeryFirstDueTimeOfWhatWaitsIsNotLostByARestart) {
  std::string toml = "[jobs]\nzone = \"UTC\"\nat_once = 1\nhourly = \"0 * * * *\"\n";
  for (const char* name : {"a", "b", "c"})
    toml += fmt::format("[[database]]\npath = \"/data/{}.db\"\n", name);
  configure(toml);
  std::atomic<bool> began = false;
  run_ = [&began](const OwnCommand& command) {
    began = true;
    while (!command.stop()) std::this_thread::sleep_for(1ms);
    return OwnCommandResult{.status = 75, .stopped = true};
  };
  start(at("2026-11-01T08:30:00Z"));
  runner_->step();
  clock_.now = at("2026-11-01T09:00:00Z");
  runner_->step();
  while (!began) std::this_thread::sleep_for(1ms);
  runner_.reset();
  run_ = well_;
  start(at("2026-11-01T09:00:03Z"));
  work_until(at("2026-11-01T09:10:00Z"));
  for (const char* name : {"a", "b", "c"}) {
    const auto all = runs("hourly", fmt::format("/data/{}.db", name));
    ASSERT_FALSE(all.empty()) << name;
    EXPECT_EQ(all.back().due, at("2026-11-01T09:00:00Z"));
    EXPECT_EQ(all.back().result, RunResult::kDone);
  }
}

// First known at 00:00; what is configured and when it is started next; the due times that are then run.
TEST_F(JobRunnerTest, WhatAJobMissedBeforeItsFirstRunFollowsFromWhenItIsKnown) {
  const std::string base = "[[database]]\npath = \"/data/app.db\"\n";
  const std::string at_two = "schedule.daily = \"0 2 * * *\"\n", at_one = "schedule.daily = \"0 1 * * *\"\n";
  struct Case {
    const char* name;
    std::vector<std::string> then;  // what was configured at one start after the other
    std::vector<std::string> due;   // by 04:00
  };
  const std::vector<Case> cases = {
      {"down over its first due time", {at_two}, {"02:00"}},
      {"changed while it was down", {at_one}, {}},
      {"another zone", {at_two + "schedule.zone = \"Europe/Berlin\"\n"}, {}},
      {"taken out, and in again", {"", at_two}, {}},
      {"only its jitter changed", {at_two + "schedule.jitter = \"5m\"\n"}, {"02:00"}},
  };
  for (const Case& one : cases) {
    std::filesystem::remove(folder_.path("runs.db"));
    configure(fmt::format("[jobs]\nzone = \"UTC\"\n{}{}", base, at_two));
    start(at("2026-11-01T00:00:00Z"));
    work();
    runner_.reset();
    child_history_.reset();
    for (const std::string& schedules : one.then) {
      configure(fmt::format("[jobs]\nzone = \"UTC\"\n{}{}", base, schedules));
      start(at("2026-11-01T03:00:00Z"));
      work();
    }
    work_until(at("2026-11-01T04:00:00Z"));
    runner_.reset();
    std::vector<std::string> due;
    for (const RunRecord& run : runs("daily", "/data/app.db"))
      due.push_back(format_utc_time(run.due).substr(11, 5));
    EXPECT_EQ(due, one.due) << one.name;
  }
}

TEST_F(JobRunnerTest, ItsCommandIsThatOfAPersonWithThisDatabasesArchiveAndConfiguration) {
  configure(std::string(kDaily) + "archive = \"/backup/app\"\n");
  start(at("2026-11-01T01:59:00Z"));
  std::vector<std::string> words;
  run_ = [&words](const OwnCommand& command) {
    words = command.words;
    return OwnCommandResult{};
  };
  work_until(at("2026-11-01T02:00:01Z"));
  EXPECT_EQ(words,
            (std::vector<std::string>{"maintain", "/data/app.db", "daily", "--json", "--run", "1",
                                      "--archive", "/backup/app", "--config", "/etc/litewright.toml"}));
}

TEST_F(JobRunnerTest, ARunThatStopsTheApplicationIsGivenTheTimeToStartItAgain) {
  configure("[[database]]\npath = \"/data/app.db\"\n[database.service]\nstop = \"true\"\nstart = \"true\"\n");
  start(at("2026-11-01T01:59:00Z"));
  std::map<std::string, OwnCommand> commands;
  run_ = [&](const OwnCommand& command) {
    commands[command.words[2]] = command;
    return well_(command);
  };
  work();
  for (const char* plan : {"daily", "weekly"}) {
    runner_->ask("app.db", plan);
    work();
  }
  EXPECT_EQ(commands.at("daily").end_within, 30s);
  EXPECT_TRUE(commands.at("daily").hangs);
  EXPECT_EQ(commands.at("weekly").end_within, 100s);
  EXPECT_FALSE(commands.at("weekly").hangs);
}

TEST_F(JobRunnerTest, OneThatTakesTooLongIsNotTriedAgain) {
  configure(
      "[jobs]\nzone = \"UTC\"\ntime_limit = \"1m\"\n[[database]]\npath = \"/data/app.db\"\n"
      "schedule.daily = \"0 2 * * *\"\n");
  start(at("2026-11-01T01:59:00Z"));
  run_ = [](const OwnCommand& command) {
    EXPECT_EQ(command.time_limit, 1min);
    return OwnCommandResult{.status = 130, .over_time = true};
  };
  work_until(at("2026-11-01T12:00:00Z"));
  ASSERT_EQ(runs("daily", "/data/app.db").size(), 1u);
  EXPECT_EQ(runs("daily", "/data/app.db")[0].result, RunResult::kOverTime);
}

TEST_F(JobRunnerTest, ARunThatAKillInterruptedIsDoneAgainAtMostOnce) {
  configure(kDaily);
  start(at("2026-11-01T01:59:00Z"));
  run_ = [](const OwnCommand&) { return OwnCommandResult{.status = 128 + 9}; };
  work_until(at("2026-11-01T12:00:00Z"));
  const auto all = runs("daily", "/data/app.db");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].result, RunResult::kInterrupted);
  EXPECT_EQ(all[1].attempt, 2);
}

TEST_F(JobRunnerTest, RetriesGoOnAfterARestartUpToWhatIsConfigured) {
  configure(kDaily);  // retries: 2
  run_ = [](const OwnCommand&) { return OwnCommandResult{.status = 69, .error = "no store"}; };
  for (const char* now : {"2026-11-01T01:59:00Z", "2026-11-01T02:00:30Z", "2026-11-01T02:00:50Z",
                          "2026-11-01T02:01:30Z", "2026-11-01T02:05:00Z", "2026-11-01T03:00:00Z"}) {
    start(at(now));
    work_until(clock_.now.load() + 65s);
    runner_.reset();
  }
  std::vector<std::string> said;
  for (const RunRecord& run : runs("daily", "/data/app.db"))
    said.push_back(fmt::format("{} attempt {}", format_utc_time(run.began).substr(11, 8), run.attempt));
  EXPECT_EQ(said,
            (std::vector<std::string>{"02:00:00 attempt 1", "02:01:00 attempt 2", "02:05:00 attempt 3"}));
}

TEST_F(JobRunnerTest, ARunByHandThatWasInterruptedIsNotDoneAgain) {
  configure(kDaily);
  clock_.now = at("2026-11-01T12:00:00Z");
  RunHistory by_hand(folder_.path("."), clock_);
  by_hand.end(by_hand.begin("daily", "/data/app.db", clock_.now, 0).id, RunResult::kInterrupted, "Ctrl-C",
              "[]");
  start(at("2026-11-01T12:30:00Z"));
  work_until(at("2026-11-02T03:00:00Z"));
  const auto all = runs("daily", "/data/app.db");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].due, at("2026-11-02T02:00:00Z"));
}

TEST_F(JobRunnerTest, APlanThatIsAskedForRunsNow) {
  configure(kDaily);
  start(at("2026-11-01T12:00:00Z"));
  work();
  const std::int64_t id = runner_->ask("app.db", "weekly");
  EXPECT_EQ(runner_->ask("app.db", "weekly"), id);  // it waits already
  EXPECT_EQ(runs("weekly", "/data/app.db").at(0).result, RunResult::kWaiting);
  work();
  ASSERT_EQ(runs("weekly", "/data/app.db").size(), 1u);
  EXPECT_EQ(runs("weekly", "/data/app.db")[0].id, id);
  EXPECT_EQ(runs("weekly", "/data/app.db")[0].result, RunResult::kDone);
  EXPECT_EQ(runs("weekly", "/data/app.db")[0].attempt, 0);
  EXPECT_EQ(runner_->next_runs("app.db").at("daily"), at("2026-11-02T02:00:00Z"));
  EXPECT_EQ(code_of([&] { runner_->ask("other", "daily"); }), ErrorCode::kNoDatabase);
  EXPECT_EQ(code_of([&] { runner_->ask("app.db", "dayly"); }), ErrorCode::kUsage);
}

TEST_F(JobRunnerTest, WhatIsAskedForSurvivesARestart) {
  configure(kDaily);
  start(at("2026-11-01T12:00:00Z"));
  work();
  runner_->ask("app.db", "weekly");
  runner_.reset();
  start(at("2026-11-01T12:30:00Z"));
  work();
  work();
  const auto all = runs("weekly", "/data/app.db");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].result, RunResult::kDone);
  EXPECT_EQ(all[0].due, at("2026-11-01T12:00:00Z"));
  EXPECT_EQ(all[0].began, at("2026-11-01T12:30:00Z"));
  runner_->ask("app.db", "weekly");
  runner_.reset();
  start(at("2026-11-09T12:30:00Z"));
  work();
  EXPECT_EQ(runs("weekly", "/data/app.db").at(1).result, RunResult::kInterrupted);
}

// What is asked for goes first: the run that is due behind it has no row yet when the daemon is killed.
TEST_F(JobRunnerTest, ARunByHandIsNoDueTimeOfTheSchedule) {
  configure(kDaily);
  start(at("2026-11-01T01:59:00Z"));
  work();
  runner_.reset();
  clock_.now = at("2026-11-01T02:10:00Z");
  RunHistory by_hand(folder_.path("."), clock_);
  by_hand.end(by_hand.begin("daily", "/data/app.db", clock_.now, 0).id, RunResult::kDone, "by hand", "[]");
  by_hand.end(by_hand.begin("daily", "/data/app.db", at("2026-10-31T02:00:00Z"), 1).id, RunResult::kDone, "",
              "[]");
  start(at("2026-11-01T02:20:00Z"));
  work();
  EXPECT_EQ(runs("daily", "/data/app.db").back().due, at("2026-11-01T02:00:00Z"));
}

TEST_F(JobRunnerTest, WhoStopsEndsWhatRunsAndSaysSo) {
  configure(kDaily);
  start(at("2026-11-01T01:59:00Z"));
  std::atomic<bool> began = false;
  run_ = [&began](const OwnCommand& command) {
    began = true;
    while (!command.stop()) std::this_thread::sleep_for(1ms);
    return OwnCommandResult{.status = 75, .stopped = true};
  };
  runner_->step();
  clock_.now = at("2026-11-01T02:00:00Z");
  runner_->step();
  while (!began) std::this_thread::sleep_for(1ms);
  runner_.reset();
  EXPECT_EQ(runs("daily", "/data/app.db").at(0).result, RunResult::kInterrupted);
  run_ = well_;
  start(at("2026-11-01T02:05:00Z"));
  work();
  EXPECT_EQ(runs("daily", "/data/app.db").at(1).attempt, 2);
}

}  // namespace
}  // namespace litewright
