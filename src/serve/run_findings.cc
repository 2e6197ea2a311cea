#include "serve/run_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/shell_words.h"
#include "serve/file_looks.h"

namespace litewright {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMostWarningsStatus = 2;  // 1 warnings, 2 critical findings: it was done
constexpr std::size_t kRunsLookedBack = 20;

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

// What the last runs found is still open, and when they checked is known.
void RunFindings::recall(const Member& member, RunHistory& history) {
  if (found_.contains(member.name)) return;
  auto& found = found_[member.name];
  for (const char* plan : kPlans) {
    const auto runs = history.newest({.job = plan, .database = member.path, .most = kRunsLookedBack});
    const auto last = std::ranges::find_if(runs, says_whether_it_works);
    if (last != runs.end()) tell_failure(member, *last);
    for (const RunRecord& run : runs) {
      if (!is_well(run)) continue;
      found[plan] = findings_of(parse_ordered_json(run.findings));
      if (checks_all(plan) && run.ended) note_check(member, *run.ended);
      break;
    }
  }
  set_check_findings(member);
}

void RunFindings::take(const Member& member, const std::string& plan, const std::string& output) {
  const Json document = plan_document(output);
  if (!document.is_object() || !document.contains("steps")) return;
  std::vector<Finding> findings;
  const WallTime now = clock_.wall();
  bool checked = false, proven = false;
  for (const Json& step : document["steps"]) {
    const std::string name = step.value("name", "");
    const int status = step.value("status", 0);
    if (step.contains("document") && step["document"].contains("findings")) {
      for (Finding& finding : findings_of(step["document"]["findings"]))
        findings.push_back(std::move(finding));
    }
    const bool done = step.value("result", "") != "skipped" && status <= kMostWarningsStatus;
    checked = checked || (done && name.ends_with(" check"));
    proven = proven || (done && name == "drill" && status == 0);
  }
  if (checked) note_check(member, now);
  if (proven) board_.update(member.name, [now](DatabaseStatus& status) { status.proven_at = now; });
  found_[member.name][plan] = std::move(findings);
  set_check_findings(member);
}

void RunFindings::note_check(const Member& member, WallTime when) {
  board_.update(member.name, [when](DatabaseStatus& status) {
    status.checked_at = std::max(status.checked_at.value_or(WallTime{}), when);
  });
}

void RunFindings::set_check_findings(const Member& member) {
  std::vector<Finding> all;
  for (const auto& [job, findings] : found_[member.name])
    all.insert(all.end(), findings.begin(), findings.end());
  board_.set_findings(member.name, FindingSource::kCheck, std::move(all));
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
