#include "operate/maintenance_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/finding.h"
#include "base/json_text.h"

namespace litewright {
namespace {

using Result = StepReport::Result;

constexpr int kCritical = 2;
constexpr int kFirstFailure = 3;  // 64 and above are ours; a shell's own, and a signal's, lie between

class Steps {
 public:
  explicit Steps(const PlanWish& wish) : wish_(wish) {}

  PlanStep& add(std::string name, std::string command, std::vector<std::string> words = {}) {
    std::vector<std::string> line = {std::move(command), wish_.database};
    line.insert(line.end(), words.begin(), words.end());
    if (line[0] != "schema") line.insert(line.end(), wish_.options.begin(), wish_.options.end());
    if (line[0] == "check" || line[0] == "prune")
      line.insert(line.end(), wish_.config_options.begin(), wish_.config_options.end());
    steps_.push_back({.name = std::move(name), .words = std::move(line)});
    return steps_.back();
  }
  void service(const std::string& name, const std::string& command, bool always) {
    if (!command.empty()) steps_.push_back({.name = name, .shell = command, .always = always});
  }
  // Daily what was not proven within a week, else everything: a long history is not read whole every night.
  void verify_and_prune(std::vector<std::string> how = {}) {
    if (!wish_.has_archive) return;
    add("verify", "verify", std::move(how));
    add("prune", "prune").needs_sound = true;
  }
  std::vector<PlanStep> take() { return std::move(steps_); }

 private:
  const PlanWish& wish_;
  std::vector<PlanStep> steps_;
};

void hourly(Steps& steps) {
  steps.add("checkpoint", "maintain", {"checkpoint"});
  steps.add("check", "check", {"--only", "wal,locks,disk,archive"});
}

void daily(Steps& steps) {
  steps.add("checkpoint", "maintain", {"checkpoint", "--mode", "truncate"});
  steps.add("analyze", "maintain", {"analyze"});
  steps.add("optimize", "maintain", {"optimize"});
  steps.add("quick check", "check", {"--quick"});
  steps.add("backup", "backup");
  steps.verify_and_prune({"--proven-within", "7d"});
}

// The check comes before VACUUM, which would read damage into a new file, and the backup before both.
void weekly(Steps& steps, const PlanWish& wish) {
  steps.add("stats before", "stats");
  steps.service("stop the application", wish.service_stop, false);
  steps.add("backup", "backup");
  steps.add("full check", "check", {"--full"});
  if (!wish.busy_hours) {
    PlanStep& vacuum = steps.add("vacuum", "maintain", {"vacuum"});
    vacuum.needs_sound = vacuum.needs_stopped = true;
  }
  steps.add("analyze", "maintain", {"analyze"});
  steps.service("start the application", wish.service_start, true);
  steps.verify_and_prune();
  steps.add("stats after", "stats");
}

void monthly(Steps& steps, const PlanWish& wish) {
  if (wish.has_archive) steps.add("drill", "verify", {"--drill"});
  if (!wish.copies.empty() && !wish.cold.empty())
    steps.add("old copies", "maintain", {"copies", wish.copies, "--to", wish.cold, "--older-than", "30d"});
  steps.add("index review", "check", {"--only", "indexes,statistics"});
  steps.add("schema", "schema");
  steps.verify_and_prune();
}

Result result_of(int status) {
  if (status == 0) return Result::kDone;
  if (status == 1) return Result::kWarning;
  return status == kCritical ? Result::kCritical : Result::kFailed;
}

// A disk that fills, or the free pages that VACUUM is for, leave the data what it is.
bool found_damage(const StepOutcome& outcome) {
  if (outcome.status == static_cast<int>(ErrorCode::kDamaged)) return true;
  if (outcome.status != kCritical) return false;
  const auto document = parse_ordered_json(outcome.document);
  if (!document.is_object() || !document.contains("findings")) return true;
  return std::ranges::any_of(document["findings"], [](const nlohmann::ordered_json& one) {
    const auto finding = finding_from_json(one);
    return finding && finding->severity == Severity::kCritical && is_about_data(finding->id);
  });
}

}  // namespace

std::string_view plan_name(PlanName name) {
  constexpr std::array<std::string_view, 4> kNames = {"hourly", "daily", "weekly", "monthly"};
  return kNames.at(static_cast<std::size_t>(name));
}

std::string_view step_result_name(Result result) {
  constexpr std::array<std::string_view, 5> kNames = {"done", "warning", "critical", "failed", "skipped"};
  return kNames.at(static_cast<std::size_t>(result));
}

bool within_hours(const std::string& hours, const std::string& now) {
  if (hours.empty()) return false;
  const auto is_time = [](std::string_view text) {
    const auto digit = [&text](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
    return text.size() == 5 && digit(0) && digit(1) && text[2] == ':' && digit(3) && digit(4) &&
           text <= "24:00" && text[3] <= '5';
  };
  const std::string from = hours.substr(0, 5);
  const std::string to = hours.size() == 11 ? hours.substr(6) : "";
  if (!is_time(from) || !is_time(to) || hours[5] != '-') {
    throw Error(ErrorCode::kConfig, fmt::format("'{}' is no span of a day", hours),
                "busy_hours = \"08:00-18:00\"; it may go over midnight");
  }
  if (from <= to) return from <= now && now < to;
  return now >= from || now < to;
}

std::vector<PlanStep> plan_steps(const PlanWish& wish) {
  Steps steps(wish);
  switch (wish.name) {
    case PlanName::kHourly:
      hourly(steps);
      break;
    case PlanName::kDaily:
      daily(steps);
      break;
    case PlanName::kWeekly:
      weekly(steps, wish);
      break;
    case PlanName::kMonthly:
      monthly(steps, wish);
      break;
  }
  return steps.take();
}

int PlanReport::exit_status() const {
  int status = 0;
  for (const StepReport& step : steps) {
    if (step.result == Result::kSkipped) continue;
    if (step.outcome.status >= kFirstFailure) return step.outcome.status;
    status = std::max(status, step.outcome.status);
  }
  return stopped ? static_cast<int>(ErrorCode::kLocked) : status;
}

std::string PlanReport::summary() const {
  std::vector<std::string> failed;
  std::size_t done = 0;
  for (const StepReport& step : steps) {
    if (step.result == Result::kDone)
      done++;
    else
      failed.push_back(fmt::format("{} {}", step.step.name, step_result_name(step.result)));
  }
  return failed.empty() ? fmt::format("{} steps done", done)
                        : fmt::format("{} steps done; {}", done, fmt::join(failed, ", "));
}

PlanReport run_plan(const std::vector<PlanStep>& steps, const Clock& clock, const StepRunner& run,
                    const std::function<void(const StepReport&)>& after, const std::function<bool()>& stop) {
  PlanReport report;
  const SteadyTime began = clock.steady();
  bool sound = true;
  bool stopped = true;  // the application, where it was to be
  bool given_up = false;
  for (const PlanStep& step : steps) {
    StepReport one{.step = step};
    given_up = given_up || (stop && stop());
    if (given_up && !step.always) one.why = "the plan was stopped";
    if (step.needs_sound && !sound) one.why = "a step before found damage";
    if (step.needs_stopped && !stopped) one.why = "the application could not be stopped";
    if (one.why.empty()) {
      const SteadyTime step_began = clock.steady();
      one.outcome = run(step);
      one.seconds = clock.steady() - step_began;
      one.result = result_of(one.outcome.status);
      sound = sound && !found_damage(one.outcome);
      given_up = given_up || one.outcome.error.starts_with("stopped");  // by a signal that it took itself
      if (!step.shell.empty() && !step.always) stopped = one.result == Result::kDone;
    } else {
      one.result = Result::kSkipped;
    }
    after(one);
    report.steps.push_back(std::move(one));
  }
  report.stopped = given_up;
  report.seconds = clock.steady() - began;
  return report;
}

}  // namespace litewright
