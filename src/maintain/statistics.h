// The query planner's statistics: ANALYZE and PRAGMA optimize within bounds, and what they changed.
//
// With a limit SQLite reads so many entries of each index instead of all: milliseconds on any size, and
// statistics that are good enough to choose indexes by. Tables are taken one after another, each a
// transaction of its own: writers wait for one table at most. Nothing but sqlite_stat tables is written.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "maintain/write_turn.h"
#include "sqlite/connection.h"

namespace litewright {

struct StatisticsRequest {
  std::string table = {};              // empty: all; ANALYZE alone
  std::int64_t analysis_limit = 1000;  // entries of each index; 0: all of them
  WritePatience patience = {};
  std::function<bool()> stop = {};  // asked between tables; may be empty
};

// One row of sqlite_stat1 that came, went or changed. "" where there was none.
struct StatisticsChange {
  std::string table = {}, index = {};
  std::string before = {}, after = {};
};

// A table whose index needs what only the application has: a collation, a function.
struct NotAnalyzed {
  std::string table = {}, why = {};
};

struct StatisticsReport {
  std::size_t tables = 0;  // looked at
  std::vector<NotAnalyzed> left_out = {};
  std::vector<StatisticsChange> changes = {};
  bool stopped = false;
  std::chrono::duration<double> seconds{};
  std::chrono::duration<double> longest_out{};  // that writers were kept out; with optimize: of all
};

// Throws Error{kUsage} where there is no such table, Error{kLocked} as WriteTurn does, Error{kDamaged|kIo}
// as SQLite says; tables before that one are done. A table that only the application can analyze is left out,
// unless it is the one that was wanted. `connection` may write and has no transaction.
StatisticsReport analyze(Connection& connection, const Clock& clock, const StatisticsRequest& request);

// PRAGMA optimize: analyzes what has no statistics, or has grown far beyond them, a table after another.
// SQLite before 3.46 only looks at tables that its connection has used: so a query on each index is planned
// first, never run.
StatisticsReport optimize(Connection& connection, const Clock& clock, const StatisticsRequest& request);

}  // namespace litewright
