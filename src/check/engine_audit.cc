#include "check/engine_audit.h"

#include <fmt/format.h>

#include <cstdio>

namespace litewright {

std::uint32_t version_number(const std::string& version) {
  unsigned major = 0, minor = 0, patch = 0;
  if (std::sscanf(version.c_str(), "%u.%u.%u", &major, &minor, &patch) < 2 || minor > 999 || patch > 999)
    return 0;
  return major * 1000000 + minor * 1000 + patch;
}

bool has_wal_reset_defect(std::uint32_t version) {
  if (version < 3007000 || version > 3051002) return false;
  const std::uint32_t minor = version / 1000, patch = version % 1000;
  if (minor == 3050) return patch < 7;
  if (minor == 3044) return patch < 6;
  return true;
}

std::vector<Finding> audit_engines(const EngineFacts& facts, const std::string& database) {
  std::vector<Finding> findings;
  bool named = false;
  for (const EngineProcess& process : facts.processes) {
    if (process.libraries.size() > 1) {
      findings.push_back(
          {.id = "engine.two_copies",
           .severity = Severity::kWarning,
           .database = database,
           .object = process.name,
           .figures = {{"libraries", static_cast<std::int64_t>(process.libraries.size())},
                       {"first", process.libraries[0].file},
                       {"second", process.libraries[1].file}},
           .meaning = "one process carries two copies of SQLite: where both open the database, closing "
                      "it in one drops the locks of the other, and the file can be corrupted"});
    }
    for (const CarriedLibrary& library : process.libraries) {
      if (!facts.wal || !has_wal_reset_defect(version_number(library.version))) continue;
      named = true;
      const bool several = facts.processes.size() > 1;
      findings.push_back(
          {.id = "engine.wal_reset",
           .severity = several ? Severity::kWarning : Severity::kInfo,
           .database = database,
           .object = process.name,
           .figures = {{"version", library.version}},
           .meaning = "its SQLite has the WAL-reset defect: two processes that checkpoint and write at one "
                      "moment can lose commits; 3.51.3, 3.50.7 and 3.44.6 mended it"});
    }
  }
  if (!named && facts.wal && has_wal_reset_defect(version_number(facts.last_writer))) {
    findings.push_back(
        {.id = "engine.wal_reset",
         .severity = Severity::kInfo,
         .database = database,
         .figures = {{"version", facts.last_writer}},
         .meaning = "the SQLite that wrote it last has the WAL-reset defect; 3.51.3, 3.50.7 and 3.44.6 "
                    "mended it"});
  }
  return findings;
}

}  // namespace litewright
