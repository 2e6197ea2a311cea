#include "check/engine_audit.h"

#include <fmt/format.h>

#include <map>

#include "format/library_version.h"

namespace litewright {

namespace {

constexpr const char* kMended = "3.51.3, 3.50.7 and 3.44.6 mended it";

Finding two_copies(const EngineProcess& process) {
  return {.id = "engine.two_copies",
          .severity = Severity::kWarning,
          .object = process.name,
          .figures = {{"libraries", static_cast<std::int64_t>(process.libraries.size())},
                      {"first", process.libraries[0].file},
                      {"second", process.libraries[1].file}},
          .meaning =
              "one process carries two copies of SQLite: where both open the database, closing "
              "it in one drops the locks of the other, and the file can be corrupted"};
}

// The processes that carry the defect, by version: the workers of one application make one finding.
std::map<std::string, std::vector<std::string>> defective(const std::vector<EngineProcess>& processes) {
  std::map<std::string, std::vector<std::string>> names;
  for (const EngineProcess& process : processes) {
    for (const CarriedLibrary& library : process.libraries) {
      std::vector<std::string>& of = names[library.version];
      if (of.empty() || of.back() != process.name) of.push_back(process.name);
    }
  }
  std::erase_if(names, [](const auto& entry) { return !has_wal_reset_defect(entry.first); });
  return names;
}

}  // namespace

std::vector<Finding> audit_engines(const EngineFacts& facts, const std::string& database) {
  std::vector<Finding> findings;
  for (const EngineProcess& process : facts.processes) {
    if (process.libraries.size() > 1) findings.push_back(two_copies(process));
  }
  const auto carriers = facts.wal ? defective(facts.processes) : decltype(defective({})){};
  for (const auto& [version, names] : carriers) {
    findings.push_back(
        {.id = "engine.wal_reset",
         .severity = facts.processes.size() > 1 ? Severity::kWarning : Severity::kInfo,
         .object = names.front(),
         .figures = {{"version", version}, {"processes", static_cast<std::int64_t>(names.size())}},
         .meaning = fmt::format("its SQLite has the WAL-reset defect: two processes that checkpoint and "
                                "write at one moment can lose commits; {}",
                                kMended)});
  }
  if (carriers.empty() && facts.wal && has_wal_reset_defect(facts.last_writer)) {
    findings.push_back(
        {.id = "engine.wal_reset",
         .severity = Severity::kInfo,
         .figures = {{"version", facts.last_writer}},
         .meaning = fmt::format("the SQLite that wrote it last has the WAL-reset defect; {}", kMended)});
  }
  for (Finding& finding : findings) finding.database = database;
  return findings;
}

}  // namespace litewright
