// Limits on what can be measured of a database and its surroundings, and the judgement over them: pure
// functions on figures, whoever measured them. The table is what the command line, litewright.toml, the help
// and docs/configuration.md go by.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/finding.h"

namespace litewright {

// Beyond a limit is what is greater (kAbove) or less (kBelow) than it; at the limit all is well.
struct Limits {
  std::optional<double> warning = {}, critical = {};
};

enum class ThresholdUnit { kBytes, kPercent, kSeconds };
enum class ThresholdBound { kAbove, kBelow };

struct ThresholdRule {
  std::string_view name;   // "wal": as --threshold and litewright.toml have it
  std::string_view check;  // the named check that measures it
  std::string_view id;     // of the finding: "wal.large"
  ThresholdUnit unit;
  ThresholdBound bound;
  std::string_view defaults;  // "50MB,100MB", or "off"
  std::string_view what;      // "size of the WAL": for help and documents
  std::string_view meaning;   // the finding's sentence
  std::string_view remedy;    // "litewright locks {}", the database in the braces; may be empty
};

std::span<const ThresholdRule> threshold_rules();
// Null where there is none of that name.
const ThresholdRule* find_threshold(std::string_view name);

// The limits in force: the defaults, with what was set over them.
class Thresholds {
 public:
  Thresholds();
  // "WARNING,CRITICAL", either may be "off"; "off" alone: neither. Sizes as "200MB", percents as "10" or
  // "10%", durations as "24h". Throws Error{kUsage} for an unknown name, another form, or a critical limit
  // that is reached before the warning.
  void set(std::string_view name, std::string_view limits);
  const Limits& of(std::string_view name) const;

 private:
  std::map<std::string, Limits, std::less<>> limits_;
};

// By threshold's name; what is not known is not there. Bytes, percent, seconds.
using MeasuredFigures = std::map<std::string, double, std::less<>>;

// One finding for each figure beyond a limit, in the table's order. `database` as it was named.
std::vector<Finding> judge(const MeasuredFigures& figures, const Thresholds& thresholds,
                           const std::string& database);

// "52.4 MB", "12.5 %", "3 min".
std::string figure_text(ThresholdUnit unit, double figure);
// "> 50.0 MB", "< 10 %": what is beyond it; "off".
std::string limit_text(const ThresholdRule& rule, const std::optional<double>& limit);

}  // namespace litewright
