#include "operate/maintenance_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/thrown_error_test.h"

namespace litewright {
namespace {

using Names = std::vector<std::string>;

Names names_of(const std::vector<PlanStep>& steps) {
  Names names;
  for (const PlanStep& step : steps) names.push_back(step.name);
  return names;
}

PlanWish weekly() {
  return {.name = PlanName::kWeekly,
          .database = "app.db",
          .options = {"--archive", "/backup"},
          .service_stop = "stop",
          .service_start = "start",
          .has_archive = true};
}

TEST(MaintenancePlan, TheStepsStandInTheRunbooksOrder) {
  const std::vector<PlanStep> daily =
      plan_steps({.name = PlanName::kDaily, .database = "app.db", .has_archive = true});
  EXPECT_EQ(names_of(daily),
            (Names{"checkpoint", "analyze", "optimize", "quick check", "backup", "verify", "prune"}));
  EXPECT_EQ(daily[5].words, (Names{"verify", "app.db", "--proven-within", "7d"}));
  EXPECT_EQ(names_of(plan_steps(weekly())),
            (Names{"stats before", "stop the application", "backup", "full check", "vacuum", "analyze",
                   "start the application", "verify", "prune", "stats after"}));
  EXPECT_EQ(plan_steps(weekly())[4].words, (Names{"maintain", "app.db", "vacuum", "--archive", "/backup"}));
  EXPECT_EQ(names_of(plan_steps({.name = PlanName::kMonthly, .database = "app.db"})),
            (Names{"index review", "schema"}));
}

TEST(MaintenancePlan, InBusyHoursNothingIsVacuumed) {
  PlanWish wish = weekly();
  wish.busy_hours = true;
  const Names names = names_of(plan_steps(wish));
  EXPECT_EQ(std::count(names.begin(), names.end(), "vacuum"), 0);
  struct Case {
    const char* hours;
    const char* now;
    bool within;
  };
  for (const Case& one : {Case{"08:00-18:00", "08:00", true}, Case{"08:00-18:00", "18:00", false},
                          Case{"20:00-06:00", "23:30", true}, Case{"20:00-06:00", "05:59", true},
                          Case{"20:00-06:00", "12:00", false}, Case{"", "12:00", false}}) {
    EXPECT_EQ(within_hours(one.hours, one.now), one.within) << one.hours << " " << one.now;
  }
  for (const char* wrong : {"8-18", "08:00", "08:00-18:99", "08:00/18:00", "25:00-26:00"}) {
    EXPECT_EQ(code_of([wrong] { within_hours(wrong, "12:00"); }), ErrorCode::kConfig) << wrong;
  }
}

// What each step ends with, by its name; 0 where nothing is said.
PlanReport run(const std::vector<PlanStep>& steps, const std::map<std::string, int>& statuses) {
  const SystemClock clock;
  return run_plan(
      steps, clock,
      [&statuses](const PlanStep& step) {
        const auto found = statuses.find(step.name);
        return StepOutcome{.status = found == statuses.end() ? 0 : found->second};
      },
      [](const StepReport&) {}, {});
}

Names skipped(const PlanReport& report) {
  Names names;
  for (const StepReport& step : report.steps) {
    if (step.result == StepReport::Result::kSkipped) names.push_back(step.step.name);
  }
  return names;
}

TEST(MaintenancePlan, AFailureStopsOnlyWhatItWouldHarm) {
  const std::vector<PlanStep> steps = plan_steps(weekly());
  EXPECT_EQ(run(steps, {}).exit_status(), 0);
  EXPECT_EQ(run(steps, {{"full check", 1}}).exit_status(), 1);
  EXPECT_EQ(skipped(run(steps, {{"full check", 1}})), Names{});
  const PlanReport damaged = run(steps, {{"full check", 2}});
  EXPECT_EQ(skipped(damaged), (Names{"vacuum", "prune"}));
  EXPECT_EQ(damaged.exit_status(), 2);
  EXPECT_EQ(damaged.summary(), "7 steps done; full check critical, vacuum skipped, prune skipped");
  EXPECT_EQ(skipped(run(steps, {{"stop the application", 74}})), (Names{"vacuum"}));
  EXPECT_EQ(run(steps, {{"backup", 74}, {"verify", 65}}).exit_status(), 74);
  EXPECT_EQ(skipped(run(steps, {{"backup", 65}})), (Names{"vacuum", "prune"}));
}

TEST(MaintenancePlan, WhatIsCriticalWithoutBeingDamageStopsNothing) {
  const auto found = [](const std::string& id) {
    return StepOutcome{
        .status = 2,
        .document = R"({"findings": [{"id": "integrity.type", "severity": "warning"}, {"id": ")" + id +
                    R"(", "severity": "critical"}]})"};
  };
  const SystemClock clock;
  for (const auto& [id, wanted] : {std::pair{"pages.free", Names{}},
                                   {"disk.free", Names{}},
                                   {"integrity.page", Names{"vacuum", "prune"}},
                                   {"foreign_keys.orphans", Names{"vacuum", "prune"}}}) {
    const PlanReport report = run_plan(
        plan_steps(weekly()), clock,
        [&](const PlanStep& step) { return step.name == "full check" ? found(id) : StepOutcome{}; },
        [](const StepReport&) {}, {});
    EXPECT_EQ(skipped(report), wanted) << id;
    EXPECT_EQ(report.exit_status(), 2) << id;
  }
}

TEST(MaintenancePlan, AStopLeavesAllButTheStartOfTheApplication) {
  const SystemClock clock;
  Names ran;
  const PlanReport report = run_plan(
      plan_steps(weekly()), clock,
      [&ran](const PlanStep& step) {
        ran.push_back(step.name);
        return StepOutcome{};
      },
      [](const StepReport&) {}, [&ran] { return ran.size() >= 2; });
  EXPECT_EQ(ran, (Names{"stats before", "stop the application", "start the application"}));
  EXPECT_EQ(report.exit_status(), 75);
}

}  // namespace
}  // namespace litewright
