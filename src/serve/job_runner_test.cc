// The schedules of docs/operating/schedules.md by a clock that is moved: through months with daylight-saving
// changes, through downtime and kills. The history is a real one; the commands end at once.
#include "serve/job_runner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file_descriptor.h"
#include "base/json_text.h"
#include "base/test_folder.h"
#include "base/thrown_error_test.h"
#include "base/time_text.h"

namespace litewright {
namespace {

using namespace std::chrono_literals;

WallTime at(std::string_view text) { return parse_time(text, WallTime{}); }

struct MovedClock final : Clock {
  WallTime wall() const override { return now; }
  SteadyTime steady() const override { return {}; }
  std::atomic<WallTime> now{};
};

// The TOML that the page shows first.
std::string documented_schedules() {
  const std::string page =
      read_whole_file(std::filesystem::path(LITEWRIGHT_SOURCE_DIR) / "docs/operating/schedules.md", 1 << 20);
  const std::size_t begin = page.find("```toml\n") + 8;
  return page.substr(begin, page.find("```", begin) - begin);
}

class JobRunnerTest : public ::testing::Test {
 protected:
  void configure(const std::string& toml) {
    configuration_ = std::make_shared<const Configuration>(parse_configuration(toml, "/etc/litewright.toml"));
  }
  void start(WallTime now) {
    clock_.now = now;
    runner_ = std::make_unique<JobRunner>(
        folder_.path("."),
        JobSurroundings{board_, clock_, [this](const OwnCommand& command) { return run_(command); },
                        [](const LogEntry&) {}, 10ms});
    for (const Member& member : find_members(configuration_)) {
      board_.join(member.name, [](DatabaseStatus&) {});
      runner_->join(member);
    }
  }
  // What is to be done now, with all that follows from it; gives the time of the next.
  WallTime work() {
    WallTime wake = runner_->step();
    while (runner_->has_runs() || runner_->has_ended()) {
      runner_->wait_for_runs();
      wake = runner_->step();
    }
    return wake;
  }
  void work_until(WallTime end) {
    while (clock_.now.load() < end) {
      const WallTime wake = work();
      clock_.now = std::min(std::max(wake, clock_.now.load() + 1s), end);
    }
  }
  std::vector<RunRecord> runs(const std::string& job, const std::string& database) {
    RunHistory history(folder_.path("."), clock_);
    auto newest = history.newest({.job = job, .database = database, .most = 10'000});
    std::ranges::reverse(newest);
    return newest;
  }
  std::string local(WallTime time) const {
    return format_utc_time(WallTime(std::chrono::seconds(berlin_.local(time).value))).substr(0, 16);
  }

  const TimeZone berlin_ = TimeZone::find("Europe/Berlin");
  const TestFolder folder_;
  MovedClock clock_;
  StatusBoard board_{clock_};
  std::shared_ptr<const Configuration> configuration_;
  // As the command does: its own word is in the history.
  const RunOwnCommand well_ = [this](const OwnCommand& command) {
    if (!child_history_) child_history_ = std::make_unique<RunHistory>(folder_.path("."), clock_);
    const auto option = std::ranges::find(command.words, "--run");
    child_history_->end(std::stoll(*std::next(option)), RunResult::kDone, "7 steps done", "[]");
    return OwnCommandResult{};
  };
  std::unique_ptr<RunHistory> child_history_ = {};  // one run at a time
  RunOwnCommand run_ = well_;
  std::unique_ptr<JobRunner> runner_;
};

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

INSTANTIATE_TEST_SUITE_P(
    BothChanges, JobMonthTest,
    ::testing::Values(Month{"2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", 31 * 24 - 2},
                      Month{"2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00", 31 * 24}));

constexpr const char* kDaily =
    "[jobs]\nzone = \"UTC\"\n[[database]]\npath = \"/data/app.db\"\n"
    "schedule.daily = \"0 2 * * *\"\n";

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
    configure("[jobs]\nzone = \"UTC\"\n" + base + at_two);
    start(at("2026-11-01T00:00:00Z"));
    work();
    runner_.reset();
    child_history_.reset();
    for (const std::string& schedules : one.then) {
      configure("[jobs]\nzone = \"UTC\"\n" + base + schedules);
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

TEST_F(JobRunnerTest, WhatItsChecksFindIsOnTheBoardUntilTheSameJobFindsItNoMore) {
  configure(kDaily);
  start(at("2026-11-01T01:59:00Z"));
  nlohmann::ordered_json findings = findings_to_json(std::vector<Finding>{
      {.id = "integrity.index", .severity = Severity::kCritical, .object = "by_name", .meaning = "rows lack"},
      {.id = "wal.large", .severity = Severity::kWarning, .meaning = "a look tells that"}});
  run_ = [&](const OwnCommand&) {
    const nlohmann::ordered_json document = {{"steps",
                                              {{{"name", "quick check"},
                                                {"result", "critical"},
                                                {"status", 2},
                                                {"document", {{"findings", findings}}}},
                                               {{"name", "drill"}, {"result", "done"}, {"status", 0}}}}};
    return OwnCommandResult{.status = 2, .output = "a line before\n" + json_text(document) + "\n"};
  };
  work_until(at("2026-11-01T02:00:30Z"));
  auto status = board_.find("app.db");
  ASSERT_EQ(status->findings.at(FindingSource::kCheck).size(), 1u);
  EXPECT_EQ(status->findings.at(FindingSource::kCheck)[0].object, "by_name");
  EXPECT_TRUE(status->checked_at && status->proven_at);
  findings.clear();
  work_until(at("2026-11-02T02:00:30Z"));
  EXPECT_TRUE(board_.find("app.db")->findings.at(FindingSource::kCheck).empty());
}

// What is open after each run; the hours pass. The plan's check finds these, or could not be made (status
// 75).
TEST_F(JobRunnerTest, TheNewestRunThatDidACheckCountsAndWhatIsOfAMomentIsOverSoon) {
  configure("[jobs]\nzone = \"UTC\"\n[[database]]\npath = \"/data/app.db\"\n");
  struct Step {
    const char *when, *plan, *finds;
    int status;
    std::string open;
  };
  const std::vector<Step> steps = {
      {"00:00", "weekly", "lock.lost integrity.page index.redundant", 2,
       "index.redundant integrity.page lock.lost"},
      {"00:10", "hourly", "", 0, "index.redundant integrity.page"},
      {"00:20", "hourly", "wal.pinned", 1, "index.redundant integrity.page wal.pinned"},
      {"00:30", "hourly", "", 75, "index.redundant integrity.page wal.pinned"},
      {"01:40", "", "", 0, "index.redundant integrity.page wal.pinned"},
      {"01:50", "", "", 0, "index.redundant integrity.page"},
      {"02:00", "daily", "", 0, "integrity.page"},  // quick: no proof against what the full check found
      {"02:10", "monthly", "index.duplicate", 1, "index.duplicate integrity.page"},
      {"02:20", "daily", "engine.two_copies index.redundant", 2,
       "engine.two_copies index.redundant integrity.page"},
      {"02:30", "daily", "database.locked", 2,
       "database.locked engine.two_copies index.redundant integrity.page"},
      {"02:40", "weekly", "", 0, ""}};
  start(at("2026-11-01T00:00:00Z"));
  work();
  for (const Step& step : steps) {
    clock_.now = at(fmt::format("2026-11-01T{}:00Z", step.when));
    run_ = [&](const OwnCommand& command) {
      nlohmann::ordered_json findings = nlohmann::ordered_json::array();
      std::istringstream words(step.finds);
      for (std::string id; words >> id;)
        findings.push_back(finding_to_json({.id = id, .severity = Severity::kCritical}));
      const bool weekly = step.plan == std::string_view("weekly"),
                 daily = step.plan == std::string_view("daily");
      const nlohmann::ordered_json document = {{"steps",
                                                {{{"name", weekly  ? "full check"
                                                           : daily ? "quick check"
                                                                   : "check"},
                                                  {"result", step.status == 75 ? "failed" : "done"},
                                                  {"status", step.status},
                                                  {"document", {{"findings", findings}}}}}}};
      RunHistory(folder_.path("."), clock_)
          .end(std::stoll(*std::next(std::ranges::find(command.words, "--run"))),
               step.status == 75 ? RunResult::kFailed : RunResult::kWarnings, "", json_text(findings));
      return OwnCommandResult{.status = step.status, .output = json_text(document) + "\n"};
    };
    if (*step.plan != 0) runner_->ask("app.db", step.plan);
    const auto open = [this] {
      std::set<std::string> ids;
      for (const Finding& one : board_.find("app.db")->open_findings()) {
        if (one.id != "job.failed") ids.insert(one.id);
      }
      return fmt::format("{}", fmt::join(ids, " "));
    };
    work();
    EXPECT_EQ(open(), step.open) << step.when;
    // The same after a restart.
    runner_.reset();
    board_.leave("app.db");
    start(clock_.now);
    work();
    EXPECT_EQ(open(), step.open) << step.when << ", begun anew";
  }
}

TEST_F(JobRunnerTest, AFailureIsAFindingUntilARunIsWell) {
  configure(kDaily);
  start(at("2026-11-01T01:59:00Z"));
  run_ = [](const OwnCommand&) {
    return OwnCommandResult{.status = 69,
                            .output = R"({"status":69,"message":"no store","hint":"mount it"})",
                            .error = "litewright: no store\nhint: mount it\n"};
  };
  work_until(at("2026-11-01T02:00:30Z"));
  const auto failed = board_.find("app.db")->findings.at(FindingSource::kJobs);
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_NE(failed[0].meaning.find("ended with 69: no store"), std::string::npos);
  run_ = [this](const OwnCommand&) {
    RunHistory history(folder_.path("."), clock_);
    history.end(2, RunResult::kWarnings, "well", "[]");
    return OwnCommandResult{.status = 1};
  };
  work_until(at("2026-11-01T02:02:00Z"));
  EXPECT_TRUE(board_.find("app.db")->findings.at(FindingSource::kJobs).empty());
  EXPECT_EQ(runs("daily", "/data/app.db").at(1).attempt, 2);
}

TEST_F(JobRunnerTest, AFailureIsToldByItsMessageAndNotByTheHintBehindIt) {
  configure(kDaily);
  start(at("2026-11-01T12:00:00Z"));
  work();
  struct Case {
    const char *error, *summary;
  };
  for (const Case& one :
       {Case{"litewright: it gave up\nhint: do not trust the file\n", "ended with 65: it gave up"},
        Case{"sh: no such file\n", "ended with 65: sh: no such file"}, Case{"", "ended with 65: "}}) {
    run_ = [&one](const OwnCommand&) { return OwnCommandResult{.status = 65, .error = one.error}; };
    runner_->ask("app.db", "hourly");
    work();
    EXPECT_EQ(runs("hourly", "/data/app.db").back().summary, one.summary);
  }
}

TEST_F(JobRunnerTest, ARestartForgetsNeitherTheLastCheckNorAFailure) {
  configure(kDaily);
  start(at("2026-11-01T01:59:00Z"));
  work_until(at("2026-11-01T02:00:30Z"));
  run_ = [](const OwnCommand&) { return OwnCommandResult{.status = 69, .error = "no store\n"}; };
  work_until(at("2026-11-02T02:10:00Z"));
  runner_.reset();
  board_.leave("app.db");
  start(at("2026-11-02T12:00:00Z"));
  runner_->step();
  const auto status = board_.find("app.db");
  EXPECT_EQ(status->checked_at, at("2026-11-01T02:00:00Z"));
  ASSERT_EQ(status->findings.at(FindingSource::kJobs).size(), 1u);
  EXPECT_EQ(status->findings.at(FindingSource::kJobs)[0].id, "job.failed");
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
