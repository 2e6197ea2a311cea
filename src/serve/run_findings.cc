#include "serve/run_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/shell_words.h"
#include "check/thresholds.h"
#include "serve/file_looks.h"

namespace litewright {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMostWarningsStatus = 2;  // 1 warnings, 2 critical findings: it was done
constexpr std::size_t kRunsLookedBack = 20;
constexpr std::chrono::minutes kMomentKept{90};  // longer than from one hourly run to the next

std::vector<Finding> findings_of(const Json& list) {
  std::vector<Finding> findings;
  if (!list.is_array()) return findings;
  for (const Json& one : list) {
    // What is looked at all the time is known better there.
    if (auto finding = finding_from_json(one); finding && !FileLooks::tells(finding->id))
      findings.push_back(std::move(*finding));
  }
  return findings;
}

struct FindingCheck {
  std::string_view prefix, check;
};
// Those of the thresholds are known by these. What verify and the drill find is no check's.
constexpr std::array<FindingCheck, 17> kChecks = {{{"lock.", "locks"},
                                                   {"checkpoint.", "locks"},
                                                   {"wal.pinned", "locks"},
                                                   {"database.locked", "locks"},
                                                   {"engine.", "engine"},
                                                   {"integrity.", "integrity"},
                                                   {"database.", "integrity"},
                                                   {"check.cut_off", "integrity"},
                                                   {"journal.hot", "integrity"},
                                                   {"foreign_keys.", "foreign-keys"},
                                                   {"hierarchy.", "hierarchy"},
                                                   {"rule.", "rules"},
                                                   {"rows.", "rules"},
                                                   {"table.", "rules"},
                                                   {"settings.", "settings"},
                                                   {"index.", "indexes"},
                                                   {"statistics.", "statistics"}}};

// The name of the check that gives findings of this id; else the plan.
std::string check_of(std::string_view id, const std::string& plan) {
  for (const ThresholdRule& rule : threshold_rules()) {
    if (rule.id == id) return std::string(rule.check);
  }
  const auto* known =
      std::ranges::find_if(kChecks, [id](const FindingCheck& one) { return id.starts_with(one.prefix); });
  return std::string(known == kChecks.end() ? std::string_view(plan) : known->check);
}

// Who held what, by which library: over when that process goes.
bool is_of_a_moment(std::string_view check) { return check == "locks" || check == "engine"; }

// Found, it keeps a check from reading the database.
bool hinders(const Finding& finding) {
  constexpr std::array<std::string_view, 5> kHindrances = {"database.locked", "database.damaged",
                                                           "database.io", "check.cut_off", "journal.hot"};
  return std::ranges::find(kHindrances, finding.id) != kHindrances.end();
}

// Whether a run of the plan that found this has done the check, as maintenance_plan has it.
bool did(std::string_view plan, const std::vector<Finding>& found, std::string_view check) {
  const auto is_one_of = [check](std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, check) != names.end();
  };
  if (std::ranges::any_of(found, hinders)) return plan != "monthly" && check == "locks";
  if (check == plan) return true;
  if (plan == "hourly") return is_one_of({"wal", "locks", "disk", "archive"});
  if (plan == "monthly") return is_one_of({"indexes", "statistics"});
  return plan == "weekly" || !is_one_of({"foreign-keys", "hierarchy", "bit-rot"});
}

bool is_well(const RunRecord& run) {
  return run.result == RunResult::kDone || run.result == RunResult::kWarnings;
}

bool says_whether_it_works(const RunRecord& run) {
  return is_well(run) || run.result == RunResult::kFailed || run.result == RunResult::kOverTime;
}

// Whether a run of this plan, where all its steps were done, has read the whole database.
bool checks_all(std::string_view plan) { return plan == "daily" || plan == "weekly"; }

}  // namespace

Json plan_document(std::string_view output) {
  while (output.ends_with('\n')) output.remove_suffix(1);
  return parse_ordered_json(output.substr(output.rfind('\n') + 1));
}

// The last runs of all plans, one after the other, as if they ended now.
void RunFindings::recall(const Member& member, RunHistory& history) {
  if (found_.contains(member.name)) return;
  std::map<std::int64_t, RunRecord> well;  // by number: as they began, never two at a time
  for (const char* plan : kPlans) {
    auto runs = history.newest({.job = plan, .database = member.path, .most = kRunsLookedBack});
    const auto last = std::ranges::find_if(runs, says_whether_it_works);
    if (last != runs.end()) tell_failure(member, *last);
    for (RunRecord& run : runs) {
      if (is_well(run) && run.ended) well.emplace(run.id, std::move(run));
    }
  }
  for (const auto& [id, run] : well) {
    note(member.name, run.job, findings_of(parse_ordered_json(run.findings)), *run.ended);
    if (checks_all(run.job)) note_check(member, *run.ended);
  }
  set_check_findings(member.name);
}

void RunFindings::take(const Member& member, const std::string& plan, const std::string& output) {
  const Json document = plan_document(output);
  if (!document.is_object() || !document.contains("steps")) return;
  std::vector<Finding> findings;
  const WallTime now = clock_.wall();
  bool checked = false, looked = false, proven = false;
  for (const Json& step : document["steps"]) {
    const std::string name = step.value("name", "");
    const int status = step.value("status", 0);
    if (step.contains("document") && step["document"].contains("findings")) {
      for (Finding& finding : findings_of(step["document"]["findings"]))
        findings.push_back(std::move(finding));
    }
    const bool done = step.value("result", "") != "skipped" && status <= kMostWarningsStatus;
    checked = checked || (done && name.ends_with(" check"));
    looked = looked || (done && (name.ends_with("check") || name == "index review"));
    proven = proven || (done && name == "drill" && status == 0);
  }
  if (checked) note_check(member, now);
  if (proven) board_.update(member.name, [now](DatabaseStatus& status) { status.proven_at = now; });
  if (looked)
    note(member.name, plan, std::move(findings), now);
  else
    add(member.name, plan, std::move(findings), now);
  set_check_findings(member.name);
}

void RunFindings::note_check(const Member& member, WallTime when) {
  board_.update(member.name, [when](DatabaseStatus& status) {
    status.checked_at = std::max(status.checked_at.value_or(WallTime{}), when);
  });
}

// What a run found of the checks that it did, in place of what was found before.
void RunFindings::note(const std::string& database, const std::string& plan, std::vector<Finding> found,
                       WallTime when) {
  const bool full = plan == "weekly";
  std::erase_if(found_[database], [&](const auto& known) {
    // A quick check is no proof against what a full one found.
    const bool less = known.first == "integrity" && known.second.full && !full;
    return !less && did(plan, found, known.first);
  });
  add(database, plan, std::move(found), when);
}

void RunFindings::add(const std::string& database, const std::string& plan, std::vector<Finding> found,
                      WallTime when) {
  for (Finding& finding : found) {
    Found& of_check = found_[database][check_of(finding.id, plan)];
    of_check.when = when;
    of_check.full = of_check.full || plan == "weekly";
    std::erase_if(of_check.findings, [&finding](const Finding& known) {
      return known.id == finding.id && known.object == finding.object;
    });
    of_check.findings.push_back(std::move(finding));
  }
}

void RunFindings::set_check_findings(const std::string& database) {
  std::vector<Finding> all;
  moments_.erase(database);
  for (const auto& [check, found] : found_[database]) {
    if (is_of_a_moment(check)) {
      const WallTime over = found.when + kMomentKept;
      if (over <= clock_.wall()) continue;
      const auto [known, added] = moments_.try_emplace(database, over);
      known->second = std::min(known->second, over);
    }
    all.insert(all.end(), found.findings.begin(), found.findings.end());
  }
  board_.set_findings(database, FindingSource::kCheck, std::move(all));
}

std::optional<WallTime> RunFindings::end_moments() {
  std::vector<std::string> over;
  for (const auto& [database, until] : moments_) {
    if (until <= clock_.wall()) over.push_back(database);
  }
  for (const std::string& database : over) set_check_findings(database);
  const auto next = std::ranges::min_element(moments_, {}, [](const auto& moment) { return moment.second; });
  return next == moments_.end() ? std::nullopt : std::optional(next->second);
}

void RunFindings::tell_failure(const Member& member, const RunRecord& record) {
  if (!says_whether_it_works(record)) return;
  board_.tell(member.name, FindingSource::kJobs,
              {.id = "job.failed",
               .severity = is_well(record) ? Severity::kOk : Severity::kWarning,
               .database = member.path,
               .object = record.job,
               .figures = {{"attempt", std::int64_t{record.attempt}}},
               .meaning = fmt::format("the {} maintenance {}: {}", record.job, run_result_name(record.result),
                                      record.summary),
               .remedy = fmt::format("litewright runs {} --job {}", shell_quoted(member.path),
                                     shell_quoted(record.job))});
}

}  // namespace litewright
