// Is this database healthy, and why not: named checks over its content, its sizes, its surroundings and its
// archive, each giving findings. Nothing is ever written to the database.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/finding.h"
#include "base/process_table.h"
#include "check/thresholds.h"
#include "check/user_rules.h"
#include "store/object_store.h"

namespace litewright {

// kQuick leaves out what reads all indexes and all children: agreement of tables and indexes, foreign keys,
// hierarchies.
enum class CheckDepth { kQuick, kFull };

struct HealthRequest {
  std::string path = {};     // the file, absolute
  std::string display = {};  // as it was named
  CheckDepth depth = CheckDepth::kFull;
  bool background = false;             // one thread at a time; the caller made it idle
  std::vector<std::string> only = {};  // names of health_checks(); empty: all
  std::vector<std::string> skip = {};
  Thresholds thresholds = {};
  std::map<std::string, std::uint64_t> min_rows = {};  // by table: at least so many
  std::vector<UserRule> rules = {};
  std::optional<std::string> journal_mode = {};  // what it should be
  const ObjectStore* archive = nullptr;          // null: there is none to look at
  std::string archive_name = {};
  std::uint64_t wal_ceiling = 1u << 30;      // bytes of the WAL that the read mark of a long reading may pin
  std::string state_folder = {};             // what is remembered from check to check; empty: nothing
  std::function<void()> database_done = {};  // called when the archive alone is left to look at
};

// CPU time for all that reads the database: far more than a sound one of its size needs. A file that wants
// more is given up, with the finding check.cut_off.
std::chrono::milliseconds work_allowed(const HealthRequest& request);

struct CheckRun {
  enum class Outcome { kDone, kSkipped };
  std::string name = {};
  Outcome outcome = Outcome::kDone;
  std::string why = {};  // of what was skipped
  double seconds = 0;
};

struct HealthReport {
  std::string database = {};  // as it was named
  CheckDepth depth = CheckDepth::kFull;
  WallTime checked_at{};
  double seconds = 0;
  std::vector<CheckRun> checks = {};  // those asked for, in the table's order
  MeasuredFigures figures = {};
  Thresholds thresholds = {};
  std::vector<Finding> findings = {};  // the worst first
};

struct HealthCheckName {
  std::string_view name;
  std::string_view what;  // for help and documents
};
// In the order in which they run.
std::span<const HealthCheckName> health_checks();

// Throws Error{kUsage} for a name of `only` or `skip` that is no check's.
void require_check_names(const HealthRequest& request);

// Throws Error{kNoDatabase|kPermission} where there is nothing to look at, or it may not be looked at,
// Error{kDamaged} where the file is encrypted or no database; everything else is a finding. The process must
// have no connection to the database (FACTS 7).
HealthReport check_health(const HealthRequest& request, const ProcessTable& processes, const Clock& clock);

// "app.db: ok (14 checks, 0.4 s)", "app.db: 1 critical, 2 warnings (…; skipped: locks)".
std::string verdict(const HealthReport& report);

}  // namespace litewright
