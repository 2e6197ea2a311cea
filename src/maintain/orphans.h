// Mends rows that point at nothing: deletes them, sets their pointers to NULL, or sets them aside in a table.
//
// foreign_keys is OFF meanwhile: nothing but the rows that were found is touched. With it ON a deletion would
// cascade to rows that nobody looked at (FACTS 24), and NO ACTION would refuse one row and take the next.
// A row that others point at is left as it is and counted, since taking it away would only make orphans of
// those. The application's triggers run as for a statement of its own.
//
// Orphans are found in a read transaction; then they are taken in batches, each a transaction of its own that
// begins IMMEDIATE, looks again whether its rows still are orphans, and ends in milliseconds, so that other
// writers get in between. Interrupted anywhere, each row is either as it was or done; run again, it goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "maintain/write_turn.h"
#include "sqlite/connection.h"

namespace litewright {

// A foreign key that has orphans, as the check knows it. SQL names the child's row c.
struct OrphanKey {
  std::string table = {};
  std::string columns = {};                // "a, b": for people
  std::string parent = {};                 // for people
  std::string condition = {};              // true for the orphans
  std::vector<std::string> row_key = {};   // names that tell rows apart: the rowid's, or the primary key's
  std::vector<std::string> nullable = {};  // the key's columns that may be NULL; empty: none
  std::vector<std::string> stored = {};    // the table's columns but the generated ones
  // FROM clauses that give c beside each row that points at it: "main.x AS d JOIN main.t AS c ON …".
  std::vector<std::string> pointed_at = {};
};

struct OrphanOptions {
  enum class Action : std::uint8_t { kList, kDelete, kNull, kSetAside };
  Action action = Action::kList;
  bool look_only = false;            // refuse and find as the action would, and change nothing
  std::string set_aside_table = {};  // made where it does not exist
  std::string time = {};             // ISO 8601: stored with rows set aside
  std::size_t batch_rows = 500;
  std::size_t rows_named = 20;
  WritePatience patience = {};
  std::function<bool()> stop = {};  // asked between batches; may be empty
};

struct OrphanOutcome {
  std::string table = {}, columns = {}, parent = {};
  std::uint64_t found = 0;
  std::uint64_t pointed_at = 0;  // of them: left, because other rows point at them (not with kNull)
  std::uint64_t mended = 0;
  std::uint64_t gone = 0;              // were no orphans any more when their turn came
  std::vector<std::string> rows = {};  // the first of those found
  bool stopped = false;
};

// Throws Error{kUsage} before anything is written where the action can't be done (NOT NULL columns; a table
// of another shape in the place of the set-aside one), Error{kLocked} as WriteTurn does, Error{kIo} on a full
// disk: the batch at hand is rolled back, those before it stay done. `connection` may write and has no
// transaction.
OrphanOutcome mend_orphans(Connection& connection, const Clock& clock, const OrphanKey& key,
                           const OrphanOptions& options);

}  // namespace litewright
