// Whether a database file that nobody uses is sound, as SQLite itself says.
#pragma once

#include <filesystem>

namespace litewright {

enum class CopyCheck { kNone, kQuick, kFull };

// "quick_check", "integrity_check", "" for none.
const char* check_name(CopyCheck check);

// Opens the file immutable: nothing is locked, made or written. Throws Error{kDamaged} with the first thing
// that is wrong. Memory: SQLite's cache, and for kFull what its sorter needs.
void check_database_file(const std::filesystem::path& file, CopyCheck check);

}  // namespace litewright
