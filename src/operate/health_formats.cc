#include "operate/health_formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

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

std::string_view pass_warn_fail(Severity severity) {
  if (severity == Severity::kCritical) return "fail";
  return severity == Severity::kWarning ? "warn" : "pass";
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

std::string label_value(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') escaped += '\\';
    if (c == '\n')
      escaped += "\\n";
    else
      escaped += c;
  }
  return escaped;
}

std::string metric_name(const ThresholdRule& rule) {
  std::string name = fmt::format("litewright_{}_{}", rule.name,
                                 rule.unit == ThresholdUnit::kPercent ? "ratio" : unit_name(rule));
  std::ranges::replace(name, '-', '_');
  return name;
}

}  // namespace

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

std::string health_to_health_json(const HealthReport& report) {
  const std::string time = format_utc_time(report.checked_at);
  nlohmann::ordered_json checks = nlohmann::ordered_json::object();
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
    const auto is_figure = [&finding](const ThresholdRule& rule) { return rule.id == finding.id; };
    if (std::ranges::any_of(threshold_rules(), is_figure)) continue;
    checks[fmt::format("{}:{}", report.database, finding.id)].push_back(
        {{"componentId", finding.object},
         {"componentType", "datastore"},
         {"status", pass_warn_fail(finding.severity)},
         {"time", time},
         {"output", finding.meaning}});
  }
  const nlohmann::ordered_json document = {{"status", pass_warn_fail(worst_severity(report.findings))},
                                           {"version", "1"},
                                           {"description", verdict(report)},
                                           {"checks", checks}};
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string health_to_prometheus(const HealthReport& report) {
  const std::string database = label_value(report.database);
  std::string text;
  const auto metric = [&text](std::string_view name, std::string_view help) {
    text += fmt::format("# HELP {} {}\n# TYPE {} gauge\n", name, help, name);
  };
  metric("litewright_check_up", "1 where the database could be checked");
  text += fmt::format("litewright_check_up{{database=\"{}\"}} 1\n", database);
  metric("litewright_check_status", "0 fine, 1 warnings, 2 critical findings");
  text +=
      fmt::format("litewright_check_status{{database=\"{}\"}} {}\n", database, exit_status(report.findings));
  metric("litewright_check_timestamp_seconds", "when it was checked");
  text += fmt::format("litewright_check_timestamp_seconds{{database=\"{}\"}} {:.3f}\n", database,
                      std::chrono::duration<double>(report.checked_at.time_since_epoch()).count());
  metric("litewright_check_skipped", "1 for a check that could not be made");
  for (const CheckRun& run : report.checks) {
    text += fmt::format("litewright_check_skipped{{database=\"{}\",check=\"{}\"}} {}\n", database, run.name,
                        run.outcome == CheckRun::Outcome::kSkipped ? 1 : 0);
  }
  metric("litewright_findings", "findings by severity");
  for (const Severity severity : {Severity::kInfo, Severity::kWarning, Severity::kCritical}) {
    text += fmt::format("litewright_findings{{database=\"{}\",severity=\"{}\"}} {}\n", database,
                        severity_name(severity),
                        std::ranges::count(report.findings, severity, &Finding::severity));
  }
  for (const ThresholdRule& rule : threshold_rules()) {
    const auto measured = report.figures.find(rule.name);
    if (measured == report.figures.end() || rule.name == "size-min") continue;
    const bool ratio = rule.unit == ThresholdUnit::kPercent;
    metric(metric_name(rule), rule.what);
    text += fmt::format("{}{{database=\"{}\"}} {:.10g}\n", metric_name(rule), database,
                        ratio ? measured->second / 100 : measured->second);
  }
  return text;
}

}  // namespace litewright
