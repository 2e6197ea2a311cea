// Whether there is a database in a file to make backups of, told before SQLite opens it. SQLite takes an
// empty file for a database without tables, and removes the WAL beside it; an empty backup would pass for a
// good one and push good ones out.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/clock.h"

namespace litewright {

// Both functions open the file and close it again: only for a process that has no connection to it (FACTS 7).

// A WAL or journal beside the file, which may hold page 1.
enum class Beside : std::uint8_t {
  kMayMend,  // whether it mends a torn header is for SQLite to say
  kIgnored,
};

// Throws Error{kUsage} where the file is empty, Error{kDamaged} where it is empty beside a WAL that is not,
// or does not begin as a database does (and says what it looks like).
void require_database_source(const std::filesystem::path& database, Beside beside);

// Throws Error{kDamaged} where the file is shorter than its header says, neither WAL nor journal beside it
// may hold the rest, and SQLite can't read it either.
void require_whole_source(const std::filesystem::path& database, const Clock& clock);

}  // namespace litewright
