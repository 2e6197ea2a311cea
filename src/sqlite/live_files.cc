#include "sqlite/live_files.h"

#include <sqlite3.h>

#include "sqlite/file_handle.h"

namespace litewright {
namespace {

constexpr int kIndexRegionBytes = 32768;
constexpr int kCheckpointSlot = 1;

}  // namespace

LiveFiles::LiveFiles(Connection& connection, WalParts wal) : connection_(connection.handle()) {
  sqlite3_file_control(connection.handle(), "main", SQLITE_FCNTL_FILE_POINTER, &main_);
  sqlite3_file_control(connection.handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal_);
  if (main_ == nullptr || main_->pMethods == nullptr) {
    throw Error(ErrorCode::kInternal, connection.path() + ": SQLite lends no file handle");
  }
  if (wal == WalParts::kNone) return;
  if (main_->pMethods->iVersion < 2) {
    throw Error(ErrorCode::kIo, connection.path() + ": this VFS has no shared memory");
  }
  const int rc = main_->pMethods->xShmMap(main_, 0, kIndexRegionBytes, 0, &index_);
  if (rc != SQLITE_OK || index_ == nullptr) {
    throw sqlite_error(
        rc == SQLITE_OK ? SQLITE_BUSY : rc,
        connection.path() + ": the WAL index can't be mapped (locking_mode=EXCLUSIVE elsewhere?)");
  }
}

void LiveFiles::read_main(std::uint64_t offset, MutableBytes out) const {
  read_file(main_, "database file", offset, out);
}

void LiveFiles::read_wal(std::uint64_t offset, MutableBytes out) const {
  read_file(wal_, "WAL", offset, out);
}

std::uint64_t LiveFiles::main_bytes() const { return file_bytes(main_, "database file"); }
std::uint64_t LiveFiles::wal_bytes() const { return file_bytes(wal_, "WAL"); }

bool LiveFiles::has_moved() const { return main_file_has_moved(connection_); }

bool LiveFiles::try_lock_checkpoint() {
  return main_->pMethods->xShmLock(main_, kCheckpointSlot, 1, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE) ==
         SQLITE_OK;
}

void LiveFiles::unlock_checkpoint() {
  main_->pMethods->xShmLock(main_, kCheckpointSlot, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
}

}  // namespace litewright
