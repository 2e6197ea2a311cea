// What is looked at in a restored file before anybody relies on it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace litewright {

struct RestoredCheck {
  bool quick_check = false;          // run PRAGMA quick_check
  std::optional<std::string> probe;  // a query that must give a row
};

struct RestoredVerdict {
  bool quick_check = false;          // it said ok
  std::string not_checked = {};      // why this SQLite can't run it, in its words
  std::optional<std::string> probe;  // the first column of the first row
};

// What only the application has (functions, collations, modules; a schema that a newer SQLite wrote) is no
// fault of the file, which is proven by its checksum: quick_check is then left out, as far as it needs that.
// The file must be one that nobody else changes: it is opened without locks, and neither -wal nor -shm is
// looked at or made. Throws Error{kDamaged} where a check fails, Error{kUsage} for a probe that is no query.
RestoredVerdict check_restored(const std::filesystem::path& file, const RestoredCheck& wanted);

// False: SQLite can't look inside (a SQLCipher database): only its checksum can be held against anything.
bool is_plain_sqlite(const std::filesystem::path& file);

}  // namespace litewright
