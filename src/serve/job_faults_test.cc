// What keeps jobs from being run, and must pass: faults of the history, a clock that was wrong, others' runs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/thrown_error_test.h"
#include "serve/moved_job_runner_test.h"

namespace litewright {
namespace {

// A fault of the history comes when several are to begin, passes, and nothing is lost by it.
TEST_F(JobRunnerTest, WhatCouldNotBeginForTheHistoryIsDueAgainAndNoAttemptOfItCounts) {
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  std::mutex one_at_a_time;
  run_ = [&](const OwnCommand& command) {
    const std::lock_guard lock(one_at_a_time);
    return well_(command);
  };
  for (const int at_once : {1, 4}) {
    std::filesystem::remove(folder_.path("runs.db"));
    child_history_.reset();
    std::string toml =
        fmt::format("[jobs]\nzone = \"UTC\"\nat_once = {}\nhourly = \"*/10 * * * *\"\n", at_once);
    for (const std::string& name : names) toml += fmt::format("[[database]]\npath = \"/data/{}.db\"\n", name);
    configure(toml);
    start(at("2026-11-01T08:55:00Z"));
    work();
    runner_->ask("c.db", "weekly");
    Connection other(folder_.path("runs.db"), {.mode = OpenMode::kReadWrite});
    other.execute("ALTER TABLE runs RENAME TO away");
    for (const char* now : {"2026-11-01T09:00:00Z", "2026-11-01T09:00:30Z", "2026-11-01T09:10:00Z"}) {
      clock_.now = at(now);
      EXPECT_ANY_THROW(runner_->step());
      EXPECT_FALSE(runner_->has_runs());
    }
    other.execute("ALTER TABLE away RENAME TO runs");
    work_until(at("2026-11-01T09:11:00Z"));
    for (const std::string& name : names) {
      std::vector<std::string> said;
      for (const RunRecord& run : runs("hourly", fmt::format("/data/{}.db", name)))
        said.push_back(
            fmt::format("{} {} {}", format_utc_time(run.due).substr(11, 5), run.attempt, run.summary));
      EXPECT_EQ(said,
                (std::vector<std::string>{"09:00 0 had no turn before the next", "09:10 1 7 steps done"}))
          << name << ", " << at_once << " at once";
    }
    EXPECT_EQ(runs("weekly", "/data/c.db").at(0).result, RunResult::kDone);
    runner_.reset();
  }
}

TEST_F(JobRunnerTest, WhatIsWrongWithOneDatabasesJobsStopsNoOther) {
  configure(
      "[jobs]\nzone = \"UTC\"\ndaily = \"0 2 * * *\"\n[[database]]\npath = \"/data/a.db\"\n"
      "[[database]]\npath = \"/data/b.db\"\n[[database]]\npath = \"/data/c.db\"\n"
      "schedule.daily = \"0 0 */31 3 0\"\n");
  start(at("2026-11-01T01:00:00Z"));
  DatabaseSettings wrong;  // as no configuration that was read has it
  for (Member member : find_members(configuration_)) {
    if (member.name != "b.db") continue;
    wrong = *member.settings;
    wrong.schedule["daily"] = "0 0 30 2 *";
    member.settings = &wrong;
    runner_->join(member);
  }
  work_until(at("2026-11-01T02:00:30Z"));
  EXPECT_EQ(runs("daily", "/data/a.db").size(), 1u);
  EXPECT_EQ(runner_->next_runs("c.db").at("daily"), at("2037-03-01T00:00:00Z"));
  ASSERT_EQ(board_.find("b.db")->findings.at(FindingSource::kJobs).size(), 1u);
  EXPECT_EQ(board_.find("b.db")->findings.at(FindingSource::kJobs)[0].id, "jobs.schedule");
  EXPECT_TRUE(board_.find("c.db")->open_findings().empty());
}

TEST_F(JobRunnerTest, AHistoryThatIsNoneIsMovedAsideAndJobsGoOn) {
  configure(kDaily);
  const std::string path = folder_.path("runs.db");
  const auto noise = [&path] {
    std::string bytes(20'000, '\0');
    for (std::size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<char>(i * i * 7 / 3 + i);
    std::ofstream(path) << bytes;
  };
  const auto a_folder = [&path] { std::filesystem::create_directory(path); };
  // A sound beginning, and pages of nothing behind it.
  const auto damaged_within = [&, this] {
    {
      const RunHistory history(folder_.path("."), clock_);
    }
    std::fstream(path, std::ios::in | std::ios::out).seekp(4096) << std::string(12'288, 'x');
  };
  for (const std::function<void()>& make : {std::function<void()>(noise), {a_folder}, {damaged_within}}) {
    std::filesystem::remove_all(path);
    child_history_.reset();
    make();
    EXPECT_EQ(code_of([this] { RunHistory(folder_.path("."), clock_).newest({}); }), ErrorCode::kDamaged);
    start(at("2026-11-01T01:59:00Z"));
    EXPECT_NE(board_.find("app.db"), nullptr);
    try {
      work();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kDamaged);  // once
    }
    work_until(at("2026-11-01T02:00:30Z"));
    EXPECT_EQ(runs("daily", "/data/app.db").at(0).result, RunResult::kDone);
    const auto findings = board_.daemon_findings();
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].id, "jobs.history-damaged");
    EXPECT_TRUE(findings[0].object.ends_with("/runs.db.damaged-2026-11-01T01:59:00Z")) << findings[0].object;
    EXPECT_LT(findings[0].meaning.size(), 300u) << findings[0].meaning;
    EXPECT_TRUE(std::filesystem::exists(findings[0].object));
    std::filesystem::remove_all(findings[0].object);
    work();
    EXPECT_TRUE(board_.daemon_findings().empty());
    runner_.reset();
  }
}

// The thread itself sleeps until the next due time, and must not go by a clock that was ahead.
TEST_F(JobRunnerTest, AClockThatWasAheadKeepsNothingFromRunning) {
  configure(kDaily);
  start(at("2036-06-01T01:59:59Z"));
  work();
  clock_.now = at("2036-06-01T02:00:00Z");
  work();
  runner_->begin();
  const auto began_at = [this](const char* time) {
    for (int tries = 0; tries < 5000; tries++) {
      const auto all = runs("daily", "/data/app.db");
      if (!all.empty() && all.back().began == at(time)) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  };
  clock_.now = at("2026-11-01T01:59:00Z");
  std::this_thread::sleep_for(50ms);
  clock_.now = at("2026-11-01T02:00:00Z");
  EXPECT_TRUE(began_at("2026-11-01T02:00:00Z"));
}

// at_once = 1: what waits for somebody else's run takes nobody's turn.
TEST_F(JobRunnerTest, ARunByHandIsWaitedForAndKeepsNoOtherDatabaseWaiting) {
  configure(
      "[jobs]\nzone = \"UTC\"\ndaily = \"0 2 * * *\"\n[[database]]\npath = \"/data/a.db\"\n"
      "[[database]]\npath = \"/data/b.db\"\n");
  start(at("2026-11-01T01:59:00Z"));
  work();
  RunHistory by_hand(folder_.path("."), clock_);
  const std::int64_t id = by_hand.begin("weekly", "/data/a.db", clock_.now, 0).id;
  work_until(at("2026-11-01T02:10:00Z"));
  EXPECT_TRUE(runs("daily", "/data/a.db").empty());
  ASSERT_EQ(runs("daily", "/data/b.db").size(), 1u);
  EXPECT_LE(runs("daily", "/data/b.db")[0].began, at("2026-11-01T02:00:02Z"));
  by_hand.end(id, RunResult::kDone, "", "[]");
  work_until(at("2026-11-01T02:10:05Z"));
  const auto all = runs("daily", "/data/a.db");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].due, at("2026-11-01T02:00:00Z"));
  EXPECT_EQ(all[0].attempt, 1);
}

TEST_F(JobRunnerTest, ADatabaseOnWhichAProcessOfBeforeStillWorksIsLeftAlone) {
  configure(kDaily);
  clock_.now = at("2026-11-01T02:00:00Z");
  RunHistory before(folder_.path("."), clock_);
  const std::int64_t id =
      before.begin("daily", "/data/app.db", clock_.now, 1).id;  // this process: it is there
  start(at("2026-11-01T03:00:00Z"));
  work();
  EXPECT_EQ(runs("daily", "/data/app.db").size(), 1u);
  before.end(id, RunResult::kInterrupted, "the daemon was killed", "[]");
  clock_.now = at("2026-11-01T03:00:05Z");
  work();
  const auto all = runs("daily", "/data/app.db");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].attempt, 2);
}

}  // namespace
}  // namespace litewright
