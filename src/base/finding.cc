#include "base/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/shell_words.h"
#include "base/time_text.h"

namespace litewright {

namespace {

constexpr std::array<std::string_view, 4> kSeverityNames = {"ok", "info", "warning", "critical"};
constexpr std::string_view kIndent = "          ";  // as wide as "critical  "

double as_double(const FigureValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  return std::get<double>(value);
}

// "wal_bytes" 1200000000 -> "wal 1.2 GB"; "age_seconds" 180 -> "age 3 min"; else "name value".
std::string figure_to_text(const Figure& figure) {
  std::string_view name = figure.name;
  if (const auto* text = std::get_if<std::string>(&figure.value)) return fmt::format("{} {}", name, *text);
  const auto strip = [&name](std::string_view suffix) {
    if (!name.ends_with(suffix)) return false;
    name.remove_suffix(suffix.size());
    return true;
  };
  if (strip("_bytes")) {
    const double bytes = std::max(0.0, as_double(figure.value));
    return fmt::format("{} {}", name, format_size(static_cast<std::uint64_t>(bytes)));
  }
  if (strip("_seconds")) {
    const std::chrono::duration<double> seconds(as_double(figure.value));
    return fmt::format("{} {}", name,
                       format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(seconds)));
  }
  if (const auto* whole = std::get_if<std::int64_t>(&figure.value)) {
    return fmt::format("{} {}", name, *whole);
  }
  return fmt::format("{} {:.6g}", name, std::get<double>(figure.value));
}

}  // namespace

std::string_view severity_name(Severity severity) {
  return kSeverityNames.at(static_cast<std::size_t>(severity));
}

bool is_about_data(std::string_view id) {
  constexpr std::array<std::string_view, 14> kNames = {"integrity.",
                                                       "bit-rot.",
                                                       "foreign_keys.orphans",
                                                       "foreign_keys.mismatch",
                                                       "hierarchy.",
                                                       "database.",
                                                       "archive.damaged",
                                                       "check.cut_off",
                                                       "journal.hot",
                                                       "table.missing",
                                                       "rows.few",
                                                       "size.small",
                                                       "rule.",
                                                       "archive.drill-failed"};
  return std::ranges::any_of(kNames, [id](std::string_view name) { return id.starts_with(name); });
}

Severity worst_severity(std::span<const Finding> findings) {
  Severity worst = Severity::kOk;
  for (const Finding& finding : findings) worst = std::max(worst, finding.severity);
  return worst;
}

int exit_status(Severity severity) {
  if (severity == Severity::kCritical) return 2;
  return severity == Severity::kWarning ? 1 : 0;
}

int exit_status(std::span<const Finding> findings) { return exit_status(worst_severity(findings)); }

nlohmann::ordered_json finding_to_json(const Finding& finding) {
  nlohmann::ordered_json figures = nlohmann::ordered_json::object();
  for (const Figure& figure : finding.figures) {
    std::visit([&](const auto& value) { figures[figure.name] = value; }, figure.value);
  }
  nlohmann::ordered_json json;
  json["id"] = finding.id;
  json["severity"] = severity_name(finding.severity);
  json["database"] = finding.database;
  json["object"] = finding.object;
  json["figures"] = std::move(figures);
  json["meaning"] = finding.meaning;
  json["remedy"] = finding.remedy;
  return json;
}

std::optional<Finding> finding_from_json(const nlohmann::ordered_json& json) {
  const auto text = [&json](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!json.is_object() || text("id").empty()) return std::nullopt;
  const auto severity = std::ranges::find(kSeverityNames, text("severity"));
  if (severity == kSeverityNames.end()) return std::nullopt;
  Finding finding{.id = text("id"),
                  .severity = static_cast<Severity>(severity - kSeverityNames.begin()),
                  .database = text("database"),
                  .object = text("object"),
                  .meaning = text("meaning"),
                  .remedy = text("remedy")};
  const auto figures = json.find("figures");
  if (figures == json.end() || !figures->is_object()) return finding;
  for (const auto& [name, value] : figures->items()) {
    if (value.is_string()) finding.figures.push_back({name, value.get<std::string>()});
    if (value.is_number_integer()) finding.figures.push_back({name, value.get<std::int64_t>()});
    if (value.is_number_float()) finding.figures.push_back({name, value.get<double>()});
  }
  return finding;
}

nlohmann::ordered_json findings_to_json(std::span<const Finding> findings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) list.push_back(finding_to_json(finding));
  return list;
}

std::string finding_to_text(const Finding& finding) {
  std::string text = fmt::format("{:<8}  {}", severity_name(finding.severity), finding.id);
  if (!finding.database.empty()) text += fmt::format("  {}", printable(finding.database));
  if (!finding.object.empty()) text += fmt::format(" {}", printable(finding.object));
  text += fmt::format("\n{}{}", kIndent, printable(finding.meaning));
  std::string figures;
  for (const Figure& figure : finding.figures) {
    if (!figures.empty()) figures += ", ";
    figures += figure_to_text(figure);
  }
  if (!figures.empty()) text += fmt::format(" ({})", printable(figures));
  text += '\n';
  if (!finding.remedy.empty()) text += fmt::format("{}run: {}\n", kIndent, printable(finding.remedy));
  return text;
}

}  // namespace litewright
