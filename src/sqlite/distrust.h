// What keeps a hostile file within bounds when SQLite reads it (FACTS 25).
#pragma once

#include <cstdint>

#include "sqlite/connection.h"

namespace litewright {

// Lower limits for the connection, no triggers. The schema stays trusted, here as everywhere: else 3.40.1
// would call a database that indexes JSON malformed (FACTS 25), and what could harm is not in this process,
// no function of ours, no extension. A schema that can't be parsed as a whole can still be read in parts
// (DEFENSIVE would forbid it).
void distrust_content(Connection& connection);

// No value, read or computed, may be longer than a database of this size can hold, and a little: one that is
// fails with Error{kIo}.
void limit_value_length(Connection& connection, std::uint64_t database_bytes);

// The most memory that SQLite may take in this process, all connections together; a statement that wants more
// fails with Error{kIo}. For a program's own main, which knows that nobody else here uses SQLite.
void limit_sqlite_memory(std::uint64_t bytes);

}  // namespace litewright
