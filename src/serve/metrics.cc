#include "serve/metrics.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "base/prometheus_text.h"
#include "operate/health_formats.h"
#include "serve/status_documents.h"

namespace litewright {
namespace {

constexpr std::size_t kMostFindings = 50;  // of one database that are told by id

double seconds_of(WallTime time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

// A family with one sample for each database that has a value.
void each(PrometheusText& metrics, const MetricsInput& input, std::string_view name, std::string_view type,
          std::string_view help, const std::function<std::optional<double>(const DatabaseStatus&)>& value) {
  metrics.family(name, type, help);
  for (const auto& entry : input.databases) {
    if (const auto known = value(*entry)) metrics.sample({{"database", entry->name}}, *known);
  }
}

std::optional<double> seconds_or_none(const std::optional<WallTime>& time) {
  return time ? std::optional(seconds_of(*time)) : std::nullopt;
}

// 0 where nothing was archived yet: "how long ago" then says for ever.
std::optional<double> archived_seconds(const DatabaseStatus& s) {
  return s.archived_at ? seconds_of(*s.archived_at) : 0.0;
}

void add_guards(PrometheusText& metrics, const MetricsInput& input) {
  using Status = DatabaseStatus;
  each(metrics, input, "litewright_guard_following", "gauge", "1 while every commit is captured",
       [](const Status& s) { return s.guard == GuardState::kFollowing ? 1.0 : 0.0; });
  each(metrics, input, "litewright_commits_total", "counter", "commits captured since the guard began",
       [](const Status& s) { return static_cast<double>(s.commits); });
  each(metrics, input, "litewright_archived_bytes_total", "counter", "put into the archive since then",
       [](const Status& s) { return static_cast<double>(s.archived_bytes); });
  each(metrics, input, "litewright_captured_txid", "gauge", "number of the newest commit seen",
       [](const Status& s) { return static_cast<double>(s.captured.value); });
  each(metrics, input, "litewright_archived_txid", "gauge", "number of the newest commit in the archive",
       [](const Status& s) { return static_cast<double>(s.archived.value); });
  each(metrics, input, "litewright_archived_timestamp_seconds", "gauge",
       "when the newest archived commit was made", archived_seconds);
  each(metrics, input, "litewright_gates_total", "counter", "short moments in which writers waited",
       [](const Status& s) { return static_cast<double>(s.gates); });
  each(metrics, input, "litewright_gates_failed_total", "counter",
       "tries for one that were given up, some before it was entered",
       [](const Status& s) { return static_cast<double>(s.gates_failed); });
  each(metrics, input, "litewright_gate_longest_seconds", "gauge", "the longest that writers waited",
       [](const Status& s) { return s.longest_gate_seconds; });
}

void add_looks(PrometheusText& metrics, const MetricsInput& input) {
  using Status = DatabaseStatus;
  each(metrics, input, "litewright_database_up", "gauge", "1 where the file is there and can be written",
       [](const Status& s) { return is_unusable(s) ? 0.0 : 1.0; });
  std::vector<HealthReport> reports;
  for (const auto& entry : input.databases) reports.push_back(health_of(*entry));
  for (const ThresholdRule& rule : threshold_rules()) {
    if (rule.name == "size-min") continue;
    metrics.family(metric_name(rule), "gauge", rule.what);
    for (const HealthReport& report : reports) {
      const auto figure = report.figures.find(rule.name);
      if (figure == report.figures.end()) continue;
      metrics.sample({{"database", report.database}}, metric_value(rule, figure->second));
    }
  }
  each(metrics, input, "litewright_look_timestamp_seconds", "gauge",
       "the newest look at the file that is noted: at once where it changed, else one a minute",
       [](const Status& s) { return seconds_or_none(s.looked_at); });
  each(metrics, input, "litewright_check_timestamp_seconds", "gauge",
       "the last whole check; without any when the archive was made",
       [](const Status& s) { return seconds_or_none(s.checked_at ? s.checked_at : s.archive_began); });
  each(metrics, input, "litewright_proof_timestamp_seconds", "gauge",
       "the last restore that was proven; without any when the archive was made",
       [](const Status& s) { return seconds_or_none(s.proven_at ? s.proven_at : s.archive_began); });
}

void add_findings(PrometheusText& metrics, const MetricsInput& input) {
  std::map<std::string, std::vector<Finding>> open = {{"", input.daemon_findings}};
  for (const auto& entry : input.databases) open[entry->name] = entry->open_findings();
  metrics.family("litewright_findings", "gauge",
                 "open findings by severity; without a database those of the daemon itself");
  for (const auto& [name, findings] : open) {
    for (const Severity severity : {Severity::kInfo, Severity::kWarning, Severity::kCritical}) {
      const auto count = std::ranges::count(findings, severity, &Finding::severity);
      metrics.sample({{"database", name}, {"severity", severity_name(severity)}}, static_cast<double>(count));
    }
  }
  metrics.family("litewright_finding", "gauge", "open findings by id, from warnings on: how many objects");
  for (const auto& [name, findings] : open) {
    std::map<std::pair<std::string, Severity>, double> by_id;
    for (const Finding& finding : findings) {
      if (finding.severity >= Severity::kWarning && by_id.size() < kMostFindings)
        ++by_id[{finding.id, finding.severity}];
    }
    for (const auto& [what, count] : by_id) {
      metrics.sample({{"database", name}, {"id", what.first}, {"severity", severity_name(what.second)}},
                     count);
    }
  }
}

void add_runs(PrometheusText& metrics, const MetricsInput& input) {
  // By the database's name where the daemon knows the path.
  std::map<std::string, std::string> names;
  for (const auto& entry : input.databases) names[entry->path] = entry->name;
  std::map<std::pair<std::string, std::string>, const RunRecord*> last, last_good;
  for (const RunRecord& run : input.runs) {
    const auto name = names.find(run.database);
    if (name == names.end() || !run.ended || run.result == RunResult::kSkipped) continue;
    const std::pair key(name->second, run.job);
    last.emplace(key, &run);
    if (run.result == RunResult::kDone || run.result == RunResult::kWarnings) last_good.emplace(key, &run);
  }
  const auto add = [&metrics](const auto& runs, const auto& value) {
    for (const auto& [key, run] : runs)
      metrics.sample({{"database", key.first}, {"job", key.second}}, value(*run));
  };
  metrics.family("litewright_job_last_run_timestamp_seconds", "gauge", "when a job's last run ended");
  add(last, [](const RunRecord& run) { return seconds_of(*run.ended); });
  metrics.family("litewright_job_last_success_timestamp_seconds", "gauge",
                 "when its last run ended that was done");
  add(last_good, [](const RunRecord& run) { return seconds_of(*run.ended); });
  metrics.family("litewright_job_last_duration_seconds", "gauge", "how long its last run took");
  add(last,
      [](const RunRecord& run) { return std::chrono::duration<double>(*run.ended - run.began).count(); });
  metrics.family("litewright_job_last_failed", "gauge", "1 where its last run failed or was cut off");
  add(last, [](const RunRecord& run) {
    return run.result == RunResult::kDone || run.result == RunResult::kWarnings ? 0.0 : 1.0;
  });
}

void add_process(PrometheusText& metrics, const MetricsInput& input) {
  const auto one = [&metrics](std::string_view name, std::string_view type, std::string_view help,
                              double value) {
    metrics.family(name, type, help);
    metrics.sample({}, value);
  };
  metrics.family("litewright_build_info", "gauge", "1; which version this is");
  metrics.sample({{"version", input.version}}, 1);
  one("litewright_databases", "gauge", "databases under care", static_cast<double>(input.databases.size()));
  one("litewright_http_requests_total", "counter", "requests that were read whole",
      static_cast<double>(input.http_requests));
  one("litewright_http_connections", "gauge", "connections that are open",
      static_cast<double>(input.http_connections));
  one("litewright_http_connections_ended_total", "counter", "connections that were ended for being too slow",
      static_cast<double>(input.http_connections_ended));
  one("litewright_http_connections_refused_total", "counter", "connections beyond the limit of an address",
      static_cast<double>(input.http_connections_refused));
  if (!input.process) return;
  one("process_cpu_seconds_total", "counter", "CPU time of the daemon's guarding process",
      input.process->cpu_seconds);
  one("process_resident_memory_bytes", "gauge", "its memory", input.process->resident_bytes);
  one("process_open_fds", "gauge", "its open descriptors", input.process->open_descriptors);
  one("process_start_time_seconds", "gauge", "when it began", input.process->start_time_seconds);
}

}  // namespace

std::string metrics_text(const MetricsInput& input) {
  PrometheusText metrics;
  add_process(metrics, input);
  add_guards(metrics, input);
  add_looks(metrics, input);
  add_findings(metrics, input);
  add_runs(metrics, input);
  return metrics.text();
}

}  // namespace litewright
