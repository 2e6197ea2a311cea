// What a file is by its name, as a place for archived rows.
#pragma once

#include <cstdint>
#include <string>

namespace litewright {

enum class RowTarget : std::uint8_t { kDatabase, kCsv, kPackedCsv };

// By its ending, large or small letters: .csv, .csv.zst; .db, .db3, .sqlite, .sqlite3 or none is a database.
// Throws Error{kUsage} for any other, for a database's companion (-wal, -shm, -journal), for what is no
// regular file, and where it is `source` itself; Error{kCantCreate} where its folder does not exist.
RowTarget row_target(const std::string& file, const std::string& source);

}  // namespace litewright
