#include "serve/run_findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/json_text.h"
#include "serve/moved_job_runner_test.h"

namespace litewright {
namespace {

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

}  // namespace
}  // namespace litewright
