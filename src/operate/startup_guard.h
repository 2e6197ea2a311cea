// What must hold before an application may start on its database: asked in the order of the causes, so that
// the first thing that fails is the one to mend. Nothing is written.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/process_table.h"

namespace litewright {

struct StartupRequest {
  std::string path = {};                                      // absolute
  std::optional<std::string> schema = {};                     // a script: what it makes must be there
  std::chrono::nanoseconds budget = std::chrono::seconds(5);  // for looking through all pages
};

struct StartupCheck {
  enum class Outcome { kOk, kFailed, kSkipped };
  std::string name = {};
  Outcome outcome = Outcome::kOk;
  std::string message = {};  // what was seen: of failed and skipped ones always
};

struct StartupReport {
  std::vector<StartupCheck> checks = {};  // up to the first that failed
  bool exists = false, writable = false;
  std::string journal_mode = {};
  std::optional<ErrorCode> failure = {};  // the cause, as an exit status
  std::string message = {}, hint = {};    // of the failure
};

// folder, file, permissions, disk, database, network, journal, writing, schema, integrity. Failures are in
// the report, with kNoDatabase (nothing there), kPermission, kDamaged, kIo (disk full), kLocked, kConfig
// (schema, WAL on a network file system). The process must have no connection to the database (FACTS 7).
StartupReport guard_startup(const StartupRequest& request, const ProcessTable& processes, const Clock& clock);

}  // namespace litewright
