// A rollback journal that a crash left behind: SQLite rolls it back as soon as the database is read for the
// first time. That is the application's to do (FACTS 18): what was committed is known only afterwards, and
// the half-done transaction is the only trace of what happened.
#pragma once

#include <string>

#include "base/error.h"

struct sqlite3;
struct sqlite3_file;

namespace litewright {

// With `file` locked SHARED by the caller: SQLite would roll `path`-journal back. What is empty, zeroed, no
// journal, a live writer's, or committed elsewhere (its super-journal is gone) is not hot.
bool journal_is_hot(sqlite3_file* file, const std::string& path);

// The same with the lock taken for the moment of the look, and without waiting: who writes right now is no
// crash. For a connection that has not read yet. Costs a stat() where there is no journal.
bool has_hot_journal(sqlite3* connection, const std::string& path);

// Error{kLocked}, with what to do about it.
Error hot_journal_error(const std::string& path);

}  // namespace litewright
