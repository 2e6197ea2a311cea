// What a look at a database tells without reading its content: sizes, pages, the WAL and who has it open.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace litewright {

struct DatabaseStats {
  std::string path;
  std::string journal_mode;
  std::uint32_t page_size = 0;
  std::uint64_t pages = 0, free_pages = 0;
  std::uint64_t file_bytes = 0;
  int auto_vacuum = 0;  // 0 none, 1 full, 2 incremental
  std::string encoding;
  std::string last_writer;  // the SQLite version that wrote last, from the file's header (FACTS 19)
  std::uint64_t tables = 0, indexes = 0;
  bool schema_readable = true;  // false: this SQLite can't parse it (FACTS 32)

  struct Wal {
    std::uint64_t bytes = 0;
    std::uint32_t frames = 0;      // committed and in use
    std::uint32_t backfilled = 0;  // of them copied back
    double commits_per_second = 0;
  };
  std::optional<Wal> wal;  // absent outside WAL mode
};

// Opens the database read-only, holds a read for moments only, and watches the WAL index for `watch` (FACTS
// 8: the change counter grows by one a commit). Throws as Connection does.
DatabaseStats read_database_stats(const std::string& path, std::chrono::milliseconds watch);

}  // namespace litewright
