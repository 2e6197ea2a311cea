#include "serve/status_board.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/time_text.h"

namespace litewright {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 4> kGuardStates = {"starting", "following", "waiting", "stopped"};
constexpr std::array<std::string_view, 4> kSources = {"guard", "look", "check", "jobs"};

bool same(const Finding& one, const Finding& other) {
  return one.id == other.id && one.object == other.object;
}

const Finding* find_same(const std::vector<Finding>& findings, const Finding& wanted) {
  const auto found = std::ranges::find_if(findings, [&](const Finding& f) { return same(f, wanted); });
  return found == findings.end() ? nullptr : &*found;
}

void worst_first(std::vector<Finding>& findings) {
  std::ranges::stable_sort(findings, std::ranges::greater{}, &Finding::severity);
}

void put(std::vector<Finding>& findings, const Finding& finding) {
  const auto ended = [&finding](const Finding& old) {
    const bool whole_id = finding.severity == Severity::kOk && finding.object.empty();
    return whole_id ? old.id == finding.id : same(old, finding);
  };
  std::erase_if(findings, ended);
  if (finding.severity != Severity::kOk) findings.push_back(finding);
}

void keep_worst(std::vector<Finding>& findings) {
  if (findings.size() <= StatusBoard::kMostFindings) return;
  worst_first(findings);
  findings.resize(StatusBoard::kMostFindings);
}

}  // namespace

std::string_view guard_state_name(GuardState state) {
  return kGuardStates.at(static_cast<std::size_t>(state));
}

std::string_view finding_source_name(FindingSource source) {
  return kSources.at(static_cast<std::size_t>(source));
}

Severity DatabaseStatus::worst() const {
  Severity worst = Severity::kOk;
  for (const auto& [source, found] : findings) worst = std::max(worst, worst_severity(found));
  return worst;
}

std::vector<Finding> DatabaseStatus::open_findings() const {
  std::vector<Finding> open;
  for (const auto& [source, found] : findings) open.insert(open.end(), found.begin(), found.end());
  worst_first(open);
  std::vector<Finding> once;
  for (Finding& finding : open) {
    if (find_same(once, finding) == nullptr) once.push_back(std::move(finding));
  }
  return once;
}

void StatusBoard::record(std::string kind, const std::string& database, std::string document) {
  changes_.push_back({++last_, std::move(kind), database, std::move(document)});
  if (changes_.size() > kMostChanges) changes_.pop_front();
  changed_.notify_all();
}

void StatusBoard::record_findings(const std::string& name, const std::vector<Finding>& before,
                                  const std::vector<Finding>& after) {
  const std::string time = format_utc_time(clock_.wall());
  const auto tell_change = [&](const char* change, const Finding& finding) {
    const Json document = {
        {"time", time}, {"name", name}, {"change", change}, {"finding", finding_to_json(finding)}};
    record("finding", name, json_text(document));
  };
  for (const Finding& finding : after) {
    const Finding* old = find_same(before, finding);
    if (old == nullptr) tell_change("appeared", finding);
    if (old != nullptr && old->severity < finding.severity) tell_change("worsened", finding);
    if (old != nullptr && old->severity > finding.severity) tell_change("eased", finding);
  }
  for (const Finding& finding : before) {
    if (find_same(after, finding) != nullptr) continue;
    Finding over = finding;
    over.severity = Severity::kOk;
    tell_change("cleared", over);
  }
}

void StatusBoard::update(const std::string& name, const std::function<void(DatabaseStatus&)>& change) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found != entries_.end()) apply(found->second, name, change);
}

void StatusBoard::join(const std::string& name, const std::function<void(DatabaseStatus&)>& change) {
  const std::lock_guard lock(mutex_);
  apply(entries_[name], name, change);
}

void StatusBoard::apply(Entry& entry, const std::string& name,
                        const std::function<void(DatabaseStatus&)>& change) {
  auto next = entry ? std::make_shared<DatabaseStatus>(*entry) : std::make_shared<DatabaseStatus>();
  next->name = name;
  change(*next);
  const bool other = !entry || entry->guard != next->guard || entry->trouble != next->trouble;
  entry = next;
  if (!other) return;
  const Json document = {{"time", format_utc_time(clock_.wall())},
                         {"name", name},
                         {"path", next->path},
                         {"guard", guard_state_name(next->guard)},
                         {"trouble", next->trouble}};
  record("database", name, json_text(document));
}

void StatusBoard::set_findings(const std::string& name, FindingSource source, std::vector<Finding> findings) {
  std::erase_if(findings, [](const Finding& finding) { return finding.severity == Severity::kOk; });
  keep_worst(findings);
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  const auto known = found->second->findings.find(source);
  const bool had_any = known != found->second->findings.end() && !known->second.empty();
  if (findings.empty() && !had_any) return;
  auto next = std::make_shared<DatabaseStatus>(*found->second);
  next->findings[source] = std::move(findings);
  record_findings(name, found->second->open_findings(), next->open_findings());
  found->second = next;
}

void StatusBoard::tell(const std::string& name, FindingSource source, const Finding& finding) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  auto next = std::make_shared<DatabaseStatus>(*found->second);
  std::vector<Finding>& told = next->findings[source];
  put(told, finding);
  keep_worst(told);
  record_findings(name, found->second->open_findings(), next->open_findings());
  found->second = next;
}

void StatusBoard::leave(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  const Entry gone = found->second;
  entries_.erase(found);
  record_findings(name, gone->open_findings(), {});
  const Json document = {{"time", format_utc_time(clock_.wall())}, {"name", name}, {"path", gone->path}};
  record("database.left", name, json_text(document));
}

void StatusBoard::ran(const std::string& name, std::string document) {
  const std::lock_guard lock(mutex_);
  record("run", name, std::move(document));
}

void StatusBoard::tell_of_daemon(const Finding& finding) {
  const std::lock_guard lock(mutex_);
  const std::vector<Finding> before = daemon_findings_;
  put(daemon_findings_, finding);
  keep_worst(daemon_findings_);
  record_findings("", before, daemon_findings_);
}

std::vector<Finding> StatusBoard::daemon_findings() const {
  const std::lock_guard lock(mutex_);
  std::vector<Finding> findings = daemon_findings_;
  worst_first(findings);
  return findings;
}

void StatusBoard::mark_started() {
  const std::lock_guard lock(mutex_);
  started_ = true;
}

bool StatusBoard::started() const {
  const std::lock_guard lock(mutex_);
  return started_;
}

std::vector<StatusBoard::Entry> StatusBoard::databases() const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> all;
  all.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) all.push_back(entry);
  return all;
}

StatusBoard::Entry StatusBoard::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : found->second;
}

std::uint64_t StatusBoard::last_change() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

StatusBoard::Changes StatusBoard::after(std::uint64_t number, std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [&] { return last_ > number; });
  Changes result;
  if (last_ <= number) return result;
  const std::uint64_t oldest = changes_.front().number;
  result.missed = number + 1 < oldest;
  const std::uint64_t skip = result.missed ? 0 : number + 1 - oldest;
  result.changes.assign(changes_.begin() + static_cast<std::ptrdiff_t>(skip), changes_.end());
  return result;
}

}  // namespace litewright
