// A fresh database in the old one's place; the old one is kept aside, whole.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/process_table.h"

namespace litewright {

struct ResetReport {
  std::string database = {};
  std::vector<std::string> kept = {};  // the old files' names now
  std::uint64_t tables = 0;            // in the fresh one
};

// `schema`: a script that makes the tables; without one the fresh database has none. It gets the old one's
// journal mode, owner and mode. Throws Error{kLocked} naming who has it open, Error{kConfig} where the script
// does not run, Error{kNoDatabase} where its folder is missing; then all is as it was.
ResetReport reset_database(const std::filesystem::path& database, const std::optional<std::string>& schema,
                           const ProcessTable& processes, WallTime now);

}  // namespace litewright
