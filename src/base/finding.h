// A finding: what a check says, the same everywhere. Everything that judges gives findings; everything that
// shows findings shows them through here.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace litewright {

// Ordered: the worse, the greater.
enum class Severity { kOk, kInfo, kWarning, kCritical };

// "ok", "info", "warning", "critical".
std::string_view severity_name(Severity severity);

// A number or a text. The figure's name carries the unit: names that end in `_bytes` and `_seconds` are shown
// to people as sizes and durations; a time is text, ISO 8601 in UTC.
using FigureValue = std::variant<std::int64_t, double, std::string>;

struct Figure {
  std::string name;
  FigureValue value;
};

// Every field has a default, so that `Finding{.id = …, .meaning = …}` compiles without warnings.
struct Finding {
  std::string id = {};  // stable, dotted: "wal.pinned"
  Severity severity = Severity::kOk;
  std::string database = {};  // the database as it was named; never holds a password
  std::string object = {};    // table, index, segment, process; empty where the whole database is meant
  std::vector<Figure> figures = {};  // in the order in which they are to be read
  std::string meaning = {};          // one sentence: what was seen and what it means
  std::string remedy = {};           // a command line that exists; empty where nothing is to be done
};

// Whether findings of this name say that the data is not as it should be: damage, orphans, rows that are
// missing or break a rule. The others say how the database stands on its machine: size, WAL, disk, locks.
bool is_about_data(std::string_view id);

// The worst of `findings`; kOk where there are none.
Severity worst_severity(std::span<const Finding> findings);

// 0 for ok and info, 1 for warning, 2 for critical.
int exit_status(Severity severity);
int exit_status(std::span<const Finding> findings);

// {"id", "severity", "database", "object", "figures": {name: value, …}, "meaning", "remedy"}; every key is
// always there (docs/json.md).
nlohmann::ordered_json finding_to_json(const Finding& finding);
// The same back; nothing where it is no finding. Figures of other kinds are left out.
std::optional<Finding> finding_from_json(const nlohmann::ordered_json& json);
nlohmann::ordered_json findings_to_json(std::span<const Finding> findings);

// Two to three lines for people, without colour and with a line feed at the end:
//   critical  wal.pinned  app.db reader 4711
//             a reader has pinned the WAL (wal 1.2 GB, age 3 min)
//             run: litewright locks app.db
std::string finding_to_text(const Finding& finding);

}  // namespace litewright
