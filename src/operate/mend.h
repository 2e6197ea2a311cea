// What the commands that mend need to know of a database: which indexes to make anew, which rows point at
// nothing. Joins check/, which finds, with maintain/, which mends.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "maintain/orphans.h"
#include "maintain/reindex.h"
#include "sqlite/connection.h"

namespace litewright {

struct ReindexWish {
  std::string name = {};  // of an index or a table; empty: all
  bool damaged = false;   // only indexes that PRAGMA integrity_check complains of
};

struct ReindexPlan {
  std::vector<ReindexTarget> targets = {};
  std::vector<std::string> faults = {};  // with `damaged`: what integrity_check said
};

// The primary key of a WITHOUT ROWID table is the table itself: it is no target. Throws Error{kUsage} where
// there is no index or table of that name.
ReindexPlan plan_reindex(Connection& connection, const ReindexWish& wish);

// The foreign keys that have orphans now; `table` empty: of every table. Throws Error{kUsage} where there is
// no such table.
std::vector<OrphanKey> find_orphan_keys(const std::string& database, const Clock& clock,
                                        const std::string& table);

}  // namespace litewright
