#include "check/user_rules.h"

#include <fmt/format.h>

#include "base/error.h"
#include "check/row_name.h"
#include "sqlite/query_guard.h"

namespace litewright {
namespace {

std::string row_text(Statement& row) {
  std::vector<std::string> values;
  for (int i = 0; i < row.column_count(); i++) values.push_back(value_text(row, i));
  return key_text(values);
}

Finding failed(const UserRule& rule, const std::string& database, const std::string& reason) {
  return {.id = "rule.failed",
          .severity = Severity::kWarning,
          .database = database,
          .object = rule.name,
          .meaning = "the rule could not be asked: " + reason};
}

void ask(Connection& connection, const Clock& clock, const UserRule& rule, const UserRuleOptions& options,
         const std::string& database, std::vector<Finding>& findings) {
  const QueryGuard guard(connection, clock, {.deadline = options.deadline});
  std::uint64_t rows = 0;
  std::string shown;
  try {
    Statement row = connection.prepare(rule.query);
    if (row.column_count() == 0 || row.has_more_sql()) {
      findings.push_back(failed(rule, database, "its query must be one SELECT"));
      return;
    }
    while (rows < options.rows_counted && row.step()) {
      if (rows++ < options.rows_shown) shown += (shown.empty() ? "" : "; ") + row_text(row);
    }
  } catch (const Error& error) {
    findings.push_back(failed(
        rule, database,
        guard.expired() ? fmt::format("it took longer than {} ms", options.deadline.count()) : error.what()));
    return;
  }
  if (rows == 0) return;
  const bool all = rows < options.rows_counted;
  findings.push_back(
      {.id = "rule." + rule.name,
       .severity = rule.severity,
       .database = database,
       .object = rule.name,
       .figures = {{all ? "rows" : "rows_at_least", static_cast<std::int64_t>(rows)}, {"first", shown}},
       .meaning = rule.message.empty() ? rule.name : rule.message});
}

}  // namespace

std::vector<Finding> check_user_rules(Connection& connection, const Clock& clock,
                                      std::span<const UserRule> rules, const UserRuleOptions& options,
                                      const std::string& database) {
  std::vector<Finding> findings;
  for (const UserRule& rule : rules) ask(connection, clock, rule, options, database, findings);
  return findings;
}

}  // namespace litewright
