// Rules of the user's own: queries that must give no rows ("no order without lines"), run on the snapshot,
// read only, each with a deadline.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/finding.h"
#include "sqlite/connection.h"

namespace litewright {

struct UserRule {
  std::string name = {};
  std::string query = {};
  Severity severity = Severity::kWarning;  // of the finding where rows come
  std::string message = {};                // its meaning; empty: the rule's name
};

struct UserRuleOptions {
  std::chrono::milliseconds deadline{30'000};  // of each rule
  std::uint64_t rows_counted = 10'000;         // then the query is ended
  std::size_t rows_shown = 3;
};

// rule.NAME for each rule whose query gave rows, with their number and the first of them; rule.failed
// (warning) for one that could not be asked: no single SELECT, an error, past its deadline. Nothing for a
// rule that holds. `database` as it was named.
std::vector<Finding> check_user_rules(Connection& connection, const Clock& clock,
                                      std::span<const UserRule> rules, const UserRuleOptions& options,
                                      const std::string& database);

}  // namespace litewright
