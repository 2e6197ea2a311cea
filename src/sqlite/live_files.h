// The live files of an open database, read through SQLite's own handles (FACTS 7: a raw open() and close() on
// them would drop every POSIX lock that this process holds, the application's included when it is this
// process).
#pragma once

#include <cstdint>

#include "base/types.h"
#include "sqlite/connection.h"

struct sqlite3_file;

namespace litewright {

// Lends a connection's main file, WAL and WAL index. Must not outlive the connection; same thread rules.
class LiveFiles {
 public:
  static constexpr std::size_t kIndexHeadBytes = 136;

  // The WAL parts are there only after the connection's first read in WAL mode. kNone: a database in another
  // journal mode; then only read_main(), main_bytes() and has_moved() may be used.
  enum class WalParts { kNeeded, kNone };
  explicit LiveFiles(Connection& connection, WalParts wal = WalParts::kNeeded);

  // Fills `out`; bytes past the end of the file are zeros.
  void read_main(std::uint64_t offset, MutableBytes out) const;
  void read_wal(std::uint64_t offset, MutableBytes out) const;
  std::uint64_t main_bytes() const;
  std::uint64_t wal_bytes() const;

  // True where the file's name now means another file, or none: it was moved, replaced or deleted.
  bool has_moved() const;

  // The first 136 bytes of the WAL index in shared memory: they change under us (FACTS 8).
  const volatile void* index_head() const { return index_; }

  // The CKPT lock (slot 1) of the WAL index, exclusive (FACTS 29). False: somebody else has it.
  bool try_lock_checkpoint();
  void unlock_checkpoint();

 private:
  sqlite3* connection_ = nullptr;
  sqlite3_file* main_ = nullptr;
  sqlite3_file* wal_ = nullptr;
  volatile void* index_ = nullptr;
};

}  // namespace litewright
