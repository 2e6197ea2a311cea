// What the triggers that a statement would fire do to other tables, as SQLite's compiler tells its
// authorizer; the triggers of those triggers are seen too. The statement is prepared, not run.
#pragma once

#include <string>
#include <vector>

#include "sqlite/connection.h"

namespace litewright {

struct TriggerEffects {
  struct Deletion {
    std::string trigger = {}, table = {};
  };
  // Of rows of ordinary tables. Not of virtual tables or of what they keep their data in: rows of an index,
  // as FTS5's, stand for rows elsewhere. What REPLACE deletes is no deletion here.
  std::vector<Deletion> deletions = {};
  bool writes_tables = false;  // ordinary ones, in whatever way
};

// Takes the connection's authorizer for itself meanwhile. Throws Error as Connection::prepare() does, where a
// trigger uses what only the application has.
TriggerEffects trigger_effects(Connection& connection, const std::string& sql);

}  // namespace litewright
