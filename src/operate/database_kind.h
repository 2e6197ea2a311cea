// What a file is before SQLite is asked to open it: a database, an encrypted one, something else; and whether
// a crash left a journal beside it.
#pragma once

#include <optional>
#include <string>

#include "base/finding.h"

namespace litewright {

// Reads the file's beginning and closes it again: only for a process that has no connection to it (FACTS 7).
// Throws Error{kNoDatabase|kPermission} where it can't be read, Error{kDamaged} where it is encrypted or no
// database, with what speaks for which. A finding where it is empty: SQLite takes that for a database without
// tables.
std::optional<Finding> require_database_content(const std::string& path);

// journal.hot: a transaction that a crash cut off waits to be rolled back by whoever opens the database for
// writing (FACTS 18).
std::optional<Finding> hot_journal(const std::string& path);

}  // namespace litewright
