// The plans of regular maintenance: which steps, in which order, and what one step's outcome means for the
// next. Each step is a command line of Litewright's own, or a command of the application's (service.stop,
// service.start). What runs them comes in as a function.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace litewright {

enum class PlanName { kHourly, kDaily, kWeekly, kMonthly };
// "hourly", "daily", "weekly", "monthly".
std::string_view plan_name(PlanName name);

struct PlanStep {
  std::string name = {};                // "checkpoint"
  std::vector<std::string> words = {};  // of a litewright command, without "litewright"; or
  std::string shell = {};               // a command of the application's
  bool needs_sound = false;             // left out where a step before found damage
  bool needs_stopped = false;           // left out where service.stop failed
  bool always = false;                  // done whatever happened before: service.start
};

struct PlanWish {
  PlanName name = PlanName::kDaily;
  std::string database = {};                     // for the command lines, as it was named
  std::vector<std::string> options = {};         // for all but schema: --archive X
  std::vector<std::string> config_options = {};  // for check and prune: --config Y
  std::string service_stop = {}, service_start = {};
  std::string copies = {}, cold = {};  // folders; empty: none
  bool has_archive = false;            // there is one: else nothing is to be verified yet
  bool can_prune = false;              // rules are given by which points are forgotten
  bool busy_hours = false;             // configured ones, and it is one: no VACUUM
};
std::vector<PlanStep> plan_steps(const PlanWish& wish);

// "08:00-18:00", or over midnight "20:00-06:00"; `now` as "HH:MM", local. The end is no longer within.
// Throws Error{kConfig} for anything else; never within "".
bool within_hours(const std::string& hours, const std::string& now);

struct StepOutcome {
  int status = 0;             // the command's exit status
  std::string summary = {};   // one line: before and after
  std::string error = {};     // of a status of 64 and above
  std::string document = {};  // what it printed with --json; "" where nothing
};

struct StepReport {
  PlanStep step = {};
  enum class Result { kDone, kWarning, kCritical, kFailed, kSkipped } result = Result::kDone;
  std::string why = {};  // of kSkipped
  StepOutcome outcome = {};
  std::chrono::duration<double> seconds{};
};
std::string_view step_result_name(StepReport::Result result);

struct PlanReport {
  std::vector<StepReport> steps = {};
  std::chrono::duration<double> seconds{};
  bool stopped = false;  // it was given up on the way, upon a signal
  // 0; 1 warnings, 2 critical findings; where steps failed the status of the first of them; where it was
  // stopped and none failed, that of Error{kLocked}.
  int exit_status() const;
  std::string summary() const;  // "7 steps done, 1 failed (verify)"
};

using StepRunner = std::function<StepOutcome(const PlanStep&)>;
// `before` hears of each step that begins, `after` of each that is over or was left out.
PlanReport run_plan(const std::vector<PlanStep>& steps, const Clock& clock, const StepRunner& run,
                    const std::function<void(const StepReport&)>& after, const std::function<bool()>& stop);

}  // namespace litewright
