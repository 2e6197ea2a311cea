// Moves rows that are older than a cutoff out of a table: to a table beside it, to another database, or to a
// file. Nothing is deleted before its copy is durable and was read back.
//
// The rows are found in one read transaction, then taken in batches: with the write lock held a batch is
// looked at again, copied, verified, deleted. Where the copy goes to another file, no transaction spans both:
// that file carries a note of its last batch until the deletion is known to have come (row_store.h).
// Interrupted anywhere and run again, no row is lost and none is there twice; into a table of the same
// database that holds at every moment.
//
// Foreign keys: a row that others point at stays, and is counted; with its children gone it goes.
// foreign_keys is OFF meanwhile: nothing cascades to rows that were not looked at (FACTS 24). The
// application's triggers run as for a statement of its own, but triggers that delete rows, which nobody would
// copy, only where that is asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "maintain/row_store.h"
#include "maintain/row_table.h"
#include "maintain/write_turn.h"
#include "sqlite/connection.h"

namespace litewright {

struct RowArchiveRequest {
  std::string column = {};  // how its values are understood: row_time.h
  WallTime cutoff{};
  std::string same_database_table = {};  // or
  RowStore* store = nullptr;
  std::string time = {};  // ISO 8601: kept with the rows, in a table
  std::size_t batch_rows = 500;
  bool dry_run = false;
  bool run_triggers = false;  // those, too, that delete rows of ordinary tables
  WritePatience patience = {};
  std::function<bool()> stop = {};  // asked between batches; may be empty
};

struct RowArchiveOutcome {
  std::uint64_t rows = 0;                            // in the table at first
  std::uint64_t found = 0;                           // older than the cutoff
  std::uint64_t archived = 0;                        // copied, verified, deleted
  std::uint64_t pointed_at = 0;                      // left: other rows point at them
  std::uint64_t unreadable = 0;                      // left: the column says no time that is understood
  std::optional<WallTime> oldest = {}, newest = {};  // of those found
  std::uint64_t taken_back = 0;                      // batches of an interrupted run that were done anew
  std::uint64_t maybe_twice = 0;      // rows of batches of an interrupted run that stayed (row_settlement.h)
  std::uint64_t trigger_changes = 0;  // rows that triggers changed, where they write ordinary tables
  bool stopped = false;
  std::chrono::duration<double> longest_out{};
};

// Throws Error{kUsage} where there is no such column, a table of another shape in the archive's place, or a
// trigger that deletes rows elsewhere;
// Error{kLocked} as WriteTurn does; Error{kIo} on a full disk or where a copy is not as its row: the batch at
// hand is not deleted, those before it are done. `connection` may write and has no transaction.
RowArchiveOutcome archive_rows(Connection& connection, const Clock& clock, const RowTable& table,
                               const RowArchiveRequest& request);

}  // namespace litewright
