// What a database's locks look like from outside at one moment: raw facts, not yet judged. They come in
// through an interface, so that the judgement can be tested with made-up tables.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/process_table.h"
#include "format/database_header.h"
#include "format/journal.h"
#include "format/wal_index.h"
#include "locks/sqlite_library.h"

namespace litewright {

struct ProcessFacts {
  FileHolder process = {};  // with its locks, by file; pid 0: outside this container
  std::vector<SqliteLibrary> libraries = {};
  // Files that it has open under the database's names, but that are no longer the ones there: deleted or
  // replaced meanwhile.
  std::vector<std::filesystem::path> stale_files = {};
};

struct LockFacts {
  WallTime wall = {};
  SteadyTime steady = {};
  // Every process was looked into; else only the locks were read anew, and descriptors, stale files and
  // libraries are those of the last whole sample.
  bool whole = true;
  std::filesystem::path database = {};
  std::vector<ProcessFacts> processes = {};
  std::size_t unseen_processes = 0;             // could not be looked into
  std::optional<DatabaseHeader> header = {};    // none: empty, encrypted, no permission
  std::optional<WalIndex> wal_index = {};       // none: no -shm, or torn
  std::optional<std::uint64_t> wal_bytes = {};  // none: no -wal
  bool has_wal_index_file = false;
  JournalHeat journal = JournalHeat::kCold;

  // By the header; where that can't be read, by the WAL index.
  bool in_wal_mode() const { return header ? header->is_wal() : has_wal_index_file; }
  std::uint32_t page_size() const {
    if (wal_index && wal_index->header.page_size != 0) return wal_index->header.page_size;
    return header ? header->page_size : 0;
  }
};

class LockSampler {
 public:
  enum class Depth {
    kWhole,  // every process is looked into: milliseconds
    kQuick,  // the locks and the WAL index of those known: tens of microseconds; a newcomer makes it whole
  };

  virtual ~LockSampler() = default;
  // Takes no lock, writes nothing. Throws Error{kIo} where the process table can't be read,
  // Error{kNoDatabase} where the database is gone.
  virtual LockFacts sample(Depth depth) = 0;
};

}  // namespace litewright
