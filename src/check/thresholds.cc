#include "check/thresholds.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>

#include "base/error.h"
#include "base/shell_words.h"
#include "base/time_text.h"

namespace litewright {
namespace {

using enum ThresholdUnit;
using enum ThresholdBound;

// The limits of the runbooks that this replaces, where they have one; else what is in use elsewhere.
constexpr std::array<ThresholdRule, 12> kRules = {{
    {"size", "size", "size.large", kBytes, kAbove, "500MB,1GB", "size of the database",
     "the database has grown large: archive or delete old rows, or move to a server",
     "litewright stats {} --tables"},
    {"size-min", "size", "size.small", kBytes, kBelow, "off", "least size of the database",
     "the database is smaller than it should be: was it emptied or made anew?", "litewright tables {}"},
    {"wal", "wal", "wal.large", kBytes, kAbove, "50MB,100MB", "size of the WAL",
     "the WAL is not being copied back and restarted: a reader may pin it, or no checkpoint runs",
     "litewright locks {}"},
    {"free-pages", "free-pages", "pages.free", kPercent, kAbove, "10,20",
     "share of free pages, where they are 1 MiB or more",
     "a large part of the file is empty: a VACUUM gives it back", "litewright maintain {} vacuum --dry-run"},
    {"free-disk", "disk", "disk.free", kBytes, kBelow, "10GB,5GB", "room left on the database's disk",
     "the disk runs out of room: writes fail when it is full", ""},
    {"disk-used", "disk", "disk.used", kPercent, kAbove, "80,95", "share of the disk in use",
     "the disk is nearly full: writes fail when it is", ""},
    {"disk-full-in", "disk", "disk.trend", kSeconds, kBelow, "7d,24h",
     "time until the disk is full, by the trend of the last days",
     "the disk will be full soon if it goes on filling as it did", ""},
    {"backup-age", "archive", "archive.behind", kSeconds, kAbove, "24h,48h",
     "age of the newest archived commit, where the database was written since",
     "what was written since is in no backup", "litewright backup {}"},
    {"proof-age", "archive", "archive.unproven", kSeconds, kAbove, "30d,off",
     "age of the last proven restore",
     "it is long since a restore was tried: a backup is as good as its last restore",
     "litewright verify {} --drill"},
    {"reader-age", "locks", "reader.long", kSeconds, kAbove, "60s,10m", "age of the longest reader",
     "a read transaction stays open: it keeps the WAL from being restarted", "litewright locks {}"},
    {"analyze-age", "statistics", "statistics.old", kSeconds, kAbove, "30d,off",
     "time since the planner's statistics changed, while the database was written",
     "ANALYZE was not run for long: the planner works with old statistics", "litewright maintain {} analyze"},
    {"clock-ahead", "clock", "clock.behind", kSeconds, kAbove, "60s,1h",
     "how far the file's time lies in the future",
     "the file was written in the future: this machine's clock, or the one that wrote it, is wrong", ""},
}};

double parse_limit(const ThresholdRule& rule, std::string_view text) {
  if (rule.unit == kBytes) return static_cast<double>(parse_size(text));
  if (rule.unit == kSeconds) return std::chrono::duration<double>(parse_duration(text)).count();
  if (text.ends_with('%')) text.remove_suffix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= 1000)) {
    throw Error(ErrorCode::kUsage, fmt::format("not a percentage: '{}'", text), "write it as 12.5");
  }
  return value;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

Limits parse_limits(const ThresholdRule& rule, std::string_view text) {
  const auto one = [&rule](std::string_view part) -> std::optional<double> {
    part = trimmed(part);
    if (part == "off") return std::nullopt;
    return parse_limit(rule, part);
  };
  if (trimmed(text) == "off") return {};
  const auto comma = text.find(',');
  if (comma == std::string_view::npos) {
    throw Error(ErrorCode::kUsage, fmt::format("threshold {}: '{}' is not two limits", rule.name, text),
                fmt::format("WARNING,CRITICAL, each may be off: {}={}", rule.name, rule.defaults));
  }
  Limits limits = {.warning = one(text.substr(0, comma)), .critical = one(text.substr(comma + 1))};
  const bool crossed =
      limits.warning && limits.critical &&
      (rule.bound == kAbove ? *limits.warning > *limits.critical : *limits.warning < *limits.critical);
  if (crossed) {
    throw Error(ErrorCode::kUsage,
                fmt::format("threshold {}: critical ({}) would come before the warning", rule.name, text),
                "the warning comes first: WARNING,CRITICAL");
  }
  return limits;
}

bool is_beyond(const ThresholdRule& rule, double figure, const std::optional<double>& limit) {
  if (!limit) return false;
  return rule.bound == kAbove ? figure > *limit : figure < *limit;
}

std::string figure_name(const ThresholdRule& rule, std::string_view base) {
  constexpr std::array<std::string_view, 3> kSuffix = {"_bytes", "_percent", "_seconds"};
  return fmt::format("{}{}", base, kSuffix.at(static_cast<std::size_t>(rule.unit)));
}

FigureValue figure_value(const ThresholdRule& rule, double figure) {
  if (rule.unit == kBytes) return static_cast<std::int64_t>(figure);
  return figure;
}

}  // namespace

std::span<const ThresholdRule> threshold_rules() { return kRules; }

const ThresholdRule* find_threshold(std::string_view name) {
  for (const ThresholdRule& rule : threshold_rules()) {
    if (rule.name == name) return &rule;
  }
  return nullptr;
}

Thresholds::Thresholds() {
  for (const ThresholdRule& rule : threshold_rules()) {
    limits_.emplace(std::string(rule.name), parse_limits(rule, rule.defaults));
  }
}

void Thresholds::set(std::string_view name, std::string_view limits) {
  const ThresholdRule* rule = find_threshold(name);
  if (rule == nullptr) {
    std::string names;
    for (const ThresholdRule& known : threshold_rules()) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", known.name);
    }
    throw Error(ErrorCode::kUsage, fmt::format("no threshold '{}'", name), "there are " + names);
  }
  limits_.insert_or_assign(std::string(name), parse_limits(*rule, limits));
}

const Limits& Thresholds::of(std::string_view name) const {
  const auto found = limits_.find(name);
  if (found == limits_.end()) throw Error(ErrorCode::kInternal, fmt::format("no threshold '{}'", name));
  return found->second;
}

std::vector<Finding> judge(const MeasuredFigures& figures, const Thresholds& thresholds,
                           const std::string& database) {
  std::vector<Finding> findings;
  for (const ThresholdRule& rule : threshold_rules()) {
    const auto measured = figures.find(rule.name);
    if (measured == figures.end()) continue;
    const double figure = measured->second;
    const Limits& limits = thresholds.of(rule.name);
    const bool critical = is_beyond(rule, figure, limits.critical);
    if (!critical && !is_beyond(rule, figure, limits.warning)) continue;
    const double limit = critical ? *limits.critical : *limits.warning;
    std::string base(rule.name);
    for (char& c : base) c = c == '-' ? '_' : c;
    findings.push_back({.id = std::string(rule.id),
                        .severity = critical ? Severity::kCritical : Severity::kWarning,
                        .database = database,
                        .figures = {{figure_name(rule, base), figure_value(rule, figure)},
                                    {figure_name(rule, "limit"), figure_value(rule, limit)}},
                        .meaning = std::string(rule.meaning),
                        .remedy = fmt::format(fmt::runtime(rule.remedy), shell_quoted(database))});
  }
  return findings;
}

std::string figure_text(ThresholdUnit unit, double figure) {
  if (unit == kBytes) return format_size(static_cast<std::uint64_t>(figure));
  if (unit == kPercent) return fmt::format("{:.4g} %", figure);
  return format_duration(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(figure)));
}

std::string limit_text(const ThresholdRule& rule, const std::optional<double>& limit) {
  if (!limit) return "off";
  return fmt::format("{} {}", rule.bound == kAbove ? ">" : "<", figure_text(rule.unit, *limit));
}

}  // namespace litewright
