#include "sqlite/distrust.h"

#include <sqlite3.h>

#include <algorithm>
#include <limits>

namespace litewright {

void distrust_content(Connection& connection) {
  sqlite3* const handle = connection.handle();
  sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(handle, SQLITE_LIMIT_TRIGGER_DEPTH, 10);
  sqlite3_limit(handle, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000);
  sqlite3_limit(handle, SQLITE_LIMIT_WORKER_THREADS, 0);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
}

void limit_value_length(Connection& connection, std::uint64_t database_bytes) {
  constexpr std::uint64_t kMore = 64 << 10, kMost = 1'000'000'000;
  sqlite3_limit(connection.handle(), SQLITE_LIMIT_LENGTH,
                static_cast<int>(std::min(database_bytes, kMost - kMore) + kMore));
}

void limit_sqlite_memory(std::uint64_t bytes) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<sqlite3_int64>::max());
  sqlite3_hard_heap_limit64(static_cast<sqlite3_int64>(std::min(bytes, kMost)));
}

}  // namespace litewright
