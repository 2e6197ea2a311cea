// What a file is before SQLite is asked to open it: a database, an encrypted one, something else; and whether
// a crash left a journal beside it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/finding.h"

namespace litewright {

// Reads the file's beginning and closes it again: only for a process that has no connection to it (FACTS 7).
// Throws Error{kNoDatabase|kPermission} where it can't be read, Error{kDamaged} where it is encrypted or no
// database, with what speaks for which. A finding where it is empty: SQLite takes that for a database without
// tables.
std::optional<Finding> require_database_content(const std::string& path);

// Why the file's beginning can't be read; empty where it can. SQLite takes the disk's EIO for a malformed
// database. Opens and closes the file: only for a process that has no connection to it (FACTS 7).
std::string disk_failure(const std::string& path);

// Of the file and its -wal: no value of the database is longer. Only stat()ed.
std::uint64_t content_bytes(const std::string& path);

// CPU time for checking its content: far more than any sound database of its size needs, which is some
// milliseconds a MiB.
std::chrono::milliseconds work_for(const std::string& path);

// What SQLite may need in memory to check it: two connections' caches, a schema as large as a small file can
// hold, a few values.
std::uint64_t sqlite_memory_for(const std::string& path);

// journal.hot: a transaction that a crash cut off waits to be rolled back by whoever opens the database for
// writing (FACTS 18).
std::optional<Finding> hot_journal(const std::string& path);

}  // namespace litewright
