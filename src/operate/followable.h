// Whether a file can be followed, told before anything is made or opened for writing.
#pragma once

#include <filesystem>

namespace litewright {

// Reads the file's beginning, and closes it again: only for a process that has no connection to it (FACTS 7).
// Throws Error{kPermission} where it can't be read or written, Error{kDamaged} where it is no database (and
// says what it looks like), Error{kUsage} where it is empty.
void require_followable(const std::filesystem::path& database);

// By its header; false where that can't be read. Opens and closes the file, too.
bool is_in_wal_mode(const std::filesystem::path& database);

}  // namespace litewright
