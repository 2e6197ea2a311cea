// Which SQLite libraries wrote a database or have it open, and what that means (FACTS 7, 13, 19).
#pragma once

#include <string>
#include <vector>

#include "base/finding.h"

namespace litewright {

// A SQLite library as a process carries it.
struct CarriedLibrary {
  std::string file = {};     // the library, or the program itself where it is linked in
  std::string version = {};  // "3.40.1"; empty where it could not be told
};

// A process that has the database open; not our own follower, which checkpoints by rules of its own (FACTS
// 29).
struct EngineProcess {
  std::string name = {};  // "python3 app.py (pid 4711, user app)"
  std::vector<CarriedLibrary> libraries = {};
};

struct EngineFacts {
  bool wal = false;
  std::string last_writer = {};  // the version in the header; empty where none is
  std::vector<EngineProcess> processes = {};
};

// engine.wal_reset: where several processes have a WAL database open and one of them carries the defect
// (warning), or the last writer did (info). engine.two_copies (warning): one process carries two SQLite
// libraries; closing a file in one drops the locks of the other. `database` as it was named.
std::vector<Finding> audit_engines(const EngineFacts& facts, const std::string& database);

}  // namespace litewright
