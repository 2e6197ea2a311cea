// SQLite's own handle of an open file: the only way to read it in a process that has it open (FACTS 7).
#pragma once

#include <cstdint>

#include "base/types.h"

struct sqlite3;
struct sqlite3_file;

namespace litewright {

// Fills `out`; bytes past the end of the file are zeros. `which` is for messages ("read 100 bytes at 0 of the
// WAL"). Throws by sqlite_error.
void read_file(sqlite3_file* file, const char* which, std::uint64_t offset, MutableBytes out);
std::uint64_t file_bytes(sqlite3_file* file, const char* which);

// Whether xRead of the default VFS is one pread(2), which any number of threads may do on one file.
bool reads_at_offset();

// True where the main file's name now means another file, or none: it was moved, replaced or deleted.
bool main_file_has_moved(sqlite3* connection);

}  // namespace litewright
