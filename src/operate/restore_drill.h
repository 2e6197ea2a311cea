// A restore for the sake of its proof: made for real in a scratch place, opened with SQLite, checked,
// recorded in the archive, and removed again.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "archive/restore.h"
#include "archive/restore_plan.h"
#include "base/clock.h"
#include "store/object_store.h"

namespace litewright {

struct DrillRequest {
  RestorePoint point;
  std::filesystem::path folder;      // exists; has room for the whole database
  std::optional<std::string> probe;  // a query that must give a row
  RestoreOptions options;
};

struct DrillReport {
  RestorePlan plan;
  RestoreProof proof;  // as it was recorded
  std::optional<std::string> probe_result;
  std::string not_checked;  // why quick_check could not be run, if so
  std::chrono::duration<double> check_time{};
};

// The scratch file is gone when it returns or throws; a killed drill's is removed by the next in that folder.
// Records nothing unless everything held. Takes no ownership: a running archiver goes on. Throws
// Error{kDamaged} where the archive does not give the commit as recorded or a check fails.
DrillReport drill_restore(ObjectStore& store, const Clock& clock, const DrillRequest& request);

}  // namespace litewright
