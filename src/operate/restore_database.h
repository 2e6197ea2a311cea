// A restore as an operator makes it: planned, written beside the target, proven, checked, and only then put
// in place, with everything that was there before kept aside.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "archive/restore.h"
#include "archive/restore_plan.h"
#include "base/clock.h"
#include "base/process_table.h"
#include "store/object_store.h"

namespace litewright {

struct RestoreRequest {
  std::string target;  // the file to make
  RestorePoint point;
  bool in_place = false;  // the target is the live database: refused while anybody has it open
  bool dry_run = false;
  bool delta = false;  // build on the target as it is, where it exists: only pages that differ are read
  std::optional<std::string> probe;  // a query that must run, and give a row, on the restored file
  RestoreOptions options;
};

struct RestoreReport {
  RestorePlan plan;
  std::string target;
  std::vector<std::string> kept;  // the old files' names now
  std::uint64_t bytes = 0;        // of the restored file
  // Objects that proved damaged on the way; others gave the same commit, proven by its checksum.
  std::vector<BadObject> damaged;
  std::optional<std::chrono::duration<double>> estimate;  // of a full restore, by the last proofs
  std::optional<std::uint64_t> pages_made;  // with `delta`: from the archive; the others were there already
  std::chrono::duration<double> seconds{};
  bool checked = false;                     // PRAGMA quick_check said ok
  std::string not_checked;                  // why this SQLite could not run it: what only the application has
  std::optional<std::string> probe_result;  // the first row's first column
};

// Throws Error{kLocked} naming the processes that have the target open, Error{kDamaged} where the result is
// not what the archive recorded, fails quick_check (in place) or the probe. On every failure the target is as
// it was.
RestoreReport restore_database(const ObjectStore& store, const ProcessTable& processes, const Clock& clock,
                               const RestoreRequest& request);

}  // namespace litewright
