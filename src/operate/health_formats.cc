#include "operate/health_formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/prometheus_text.h"
#include "base/time_text.h"

namespace litewright {
namespace {

constexpr std::array<std::string_view, 3> kUnits = {"bytes", "percent", "seconds"};

std::string_view unit_name(const ThresholdRule& rule) {
  return kUnits.at(static_cast<std::size_t>(rule.unit));
}

const Finding* finding_of(const HealthReport& report, const ThresholdRule& rule) {
  const auto found = std::ranges::find(report.findings, rule.id, &Finding::id);
  return found == report.findings.end() ? nullptr : &*found;
}

// One line: what a monitoring system cuts off or splits at is left out.
std::string nagios_text(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  std::ranges::replace(text, '|', '/');
  return text;
}

// Nagios writes "less than LIMIT is bad" as "LIMIT:".
std::string nagios_limit(const ThresholdRule& rule, const std::optional<double>& limit) {
  if (!limit) return "";
  return fmt::format("{:.10g}{}", *limit, rule.bound == ThresholdBound::kBelow ? ":" : "");
}

}  // namespace

std::string_view pass_warn_fail(Severity severity) {
  if (severity == Severity::kCritical) return "fail";
  return severity == Severity::kWarning ? "warn" : "pass";
}

std::string metric_name(const ThresholdRule& rule) {
  std::string name = fmt::format("litewright_{}_{}", rule.name,
                                 rule.unit == ThresholdUnit::kPercent ? "ratio" : unit_name(rule));
  std::ranges::replace(name, '-', '_');
  return name;
}

double metric_value(const ThresholdRule& rule, double figure) {
  return rule.unit == ThresholdUnit::kPercent ? figure / 100 : figure;
}

nlohmann::ordered_json health_to_json(const HealthReport& report) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const CheckRun& run : report.checks) {
    const bool done = run.outcome == CheckRun::Outcome::kDone;
    checks.push_back({{"name", run.name},
                      {"outcome", done ? "done" : "skipped"},
                      {"why", run.why},
                      {"seconds", run.seconds}});
  }
  nlohmann::ordered_json figures = nlohmann::ordered_json::object();
  for (const ThresholdRule& rule : threshold_rules()) {
    const auto measured = report.figures.find(rule.name);
    if (measured == report.figures.end()) continue;
    const Limits& limits = report.thresholds.of(rule.name);
    nlohmann::ordered_json figure = {{"value", measured->second}, {"unit", unit_name(rule)}};
    if (limits.warning) figure["warning"] = *limits.warning;
    if (limits.critical) figure["critical"] = *limits.critical;
    figures[std::string(rule.name)] = figure;
  }
  return {{"database", report.database},
          {"verdict", severity_name(std::max(worst_severity(report.findings), Severity::kOk))},
          {"depth", report.depth == CheckDepth::kQuick ? "quick" : "full"},
          {"time", format_utc_time(report.checked_at)},
          {"seconds", report.seconds},
          {"checks", checks},
          {"figures", figures},
          {"findings", findings_to_json(report.findings)}};
}

std::string health_to_nagios(const HealthReport& report, Severity worst) {
  const char* word = worst == Severity::kCritical  ? "CRITICAL"
                     : worst == Severity::kWarning ? "WARNING"
                                                   : "OK";
  std::string text = fmt::format("LITEWRIGHT {} - {}", word, nagios_text(verdict(report)));
  if (!report.findings.empty() && report.findings[0].severity >= Severity::kWarning) {
    text += fmt::format("; {}: {}", report.findings[0].id, nagios_text(report.findings[0].meaning));
  }
  text += '|';
  constexpr std::array<std::string_view, 3> kNagiosUnits = {"B", "%", "s"};
  for (const ThresholdRule& rule : threshold_rules()) {
    const auto measured = report.figures.find(rule.name);
    if (measured == report.figures.end()) continue;
    const Limits& limits = report.thresholds.of(rule.name);
    text += fmt::format("{}={:.10g}{};{};{} ", rule.name, measured->second,
                        kNagiosUnits.at(static_cast<std::size_t>(rule.unit)),
                        nagios_limit(rule, limits.warning), nagios_limit(rule, limits.critical));
  }
  if (text.ends_with(' ')) text.pop_back();
  text += '\n';
  for (const Finding& finding : report.findings) {
    text += fmt::format("{} {}{}{}: {}\n", severity_name(finding.severity), finding.id,
                        finding.object.empty() ? "" : " ", nagios_text(finding.object),
                        nagios_text(finding.meaning));
  }
  return text;
}

namespace {

bool is_measured(const HealthReport& report, std::string_view id) {
  const auto is_figure = [&report, id](const ThresholdRule& rule) {
    return rule.id == id && report.figures.contains(rule.name);
  };
  return std::ranges::any_of(threshold_rules(), is_figure);
}

void add_health_checks(const HealthReport& report, nlohmann::ordered_json& checks) {
  const std::string time = format_utc_time(report.checked_at);
  for (const ThresholdRule& rule : threshold_rules()) {
    const auto measured = report.figures.find(rule.name);
    if (measured == report.figures.end()) continue;
    const Finding* finding = finding_of(report, rule);
    nlohmann::ordered_json check = {{"componentType", "datastore"},
                                    {"observedValue", measured->second},
                                    {"observedUnit", unit_name(rule)},
                                    {"status", pass_warn_fail(finding ? finding->severity : Severity::kOk)},
                                    {"time", time}};
    if (finding != nullptr) check["output"] = finding->meaning;
    checks[fmt::format("{}:{}", report.database, rule.name)] = nlohmann::ordered_json::array({check});
  }
  for (const CheckRun& run : report.checks) {
    if (run.outcome != CheckRun::Outcome::kSkipped) continue;
    checks[fmt::format("{}:{}", report.database, run.name)] =
        nlohmann::ordered_json::array({{{"componentType", "datastore"},
                                        {"status", "warn"},
                                        {"time", time},
                                        {"output", "skipped: " + run.why}}});
  }
  for (const Finding& finding : report.findings) {
    if (is_measured(report, finding.id)) continue;
    checks[fmt::format("{}:{}", report.database, finding.id)].push_back(
        {{"componentId", finding.object},
         {"componentType", "datastore"},
         {"status", pass_warn_fail(finding.severity)},
         {"time", time},
         {"output", finding.meaning}});
  }
}

}  // namespace

std::string health_to_health_json(const HealthReport& report) {
  return health_to_health_json({&report, 1}, verdict(report));
}

std::string health_to_health_json(std::span<const HealthReport> reports, const std::string& description) {
  Severity worst = Severity::kOk;
  nlohmann::ordered_json checks = nlohmann::ordered_json::object();
  for (const HealthReport& report : reports) {
    worst = std::max(worst, worst_severity(report.findings));
    add_health_checks(report, checks);
  }
  const nlohmann::ordered_json document = {
      {"status", pass_warn_fail(worst)}, {"version", "1"}, {"description", description}, {"checks", checks}};
  return json_text(document) + "\n";
}

std::string health_to_prometheus(const HealthReport& report) {
  const std::string& database = report.database;
  PrometheusText metrics;
  metrics.family("litewright_check_up", "gauge", "1 where the database could be checked");
  metrics.sample({{"database", database}}, 1);
  metrics.family("litewright_check_status", "gauge", "0 fine, 1 warnings, 2 critical findings");
  metrics.sample({{"database", database}}, exit_status(report.findings));
  metrics.family("litewright_check_timestamp_seconds", "gauge", "when it was checked");
  metrics.sample({{"database", database}},
                 std::chrono::duration<double>(report.checked_at.time_since_epoch()).count());
  metrics.family("litewright_check_skipped", "gauge", "1 for a check that could not be made");
  for (const CheckRun& run : report.checks) {
    metrics.sample({{"database", database}, {"check", run.name}},
                   run.outcome == CheckRun::Outcome::kSkipped ? 1 : 0);
  }
  metrics.family("litewright_findings", "gauge", "findings by severity");
  for (const Severity severity : {Severity::kInfo, Severity::kWarning, Severity::kCritical}) {
    const auto count = std::ranges::count(report.findings, severity, &Finding::severity);
    metrics.sample({{"database", database}, {"severity", severity_name(severity)}},
                   static_cast<double>(count));
  }
  for (const ThresholdRule& rule : threshold_rules()) {
    const auto measured = report.figures.find(rule.name);
    if (measured == report.figures.end() || rule.name == "size-min") continue;
    metrics.family(metric_name(rule), "gauge", rule.what);
    metrics.sample({{"database", database}}, metric_value(rule, measured->second));
  }
  return metrics.text();
}

}  // namespace litewright
