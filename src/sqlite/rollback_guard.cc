#include "sqlite/rollback_guard.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <optional>

#include "sqlite/file_handle.h"
#include "sqlite/hot_journal.h"

namespace litewright {
namespace {

constexpr const char* kMain = "database file";

std::optional<std::uint64_t> size_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

RollbackGuard::RollbackGuard(const std::string& path)
    : path_(path),
      connection_(std::make_unique<Connection>(
          path, ConnectionOptions{.mode = OpenMode::kReadOnly, .hot_journal = HotJournal::kLeaveToCaller})) {
  sqlite3_file_control(connection_->handle(), "main", SQLITE_FCNTL_FILE_POINTER, &file_);
  if (file_ == nullptr || file_->pMethods == nullptr) {
    throw Error(ErrorCode::kInternal, path + ": SQLite lends no file handle");
  }
}

RollbackGuard::~RollbackGuard() { leave(); }

// The lock is taken on the handle itself: a statement of SQL would have to parse the first page, and would
// roll a hot journal back. The order of the looks is that of SQLite's pager: lock, then journal.
RollbackGuard::Entry RollbackGuard::enter() {
  if (inside_) return Entry::kEntered;
  const int rc = file_->pMethods->xLock(file_, SQLITE_LOCK_SHARED);
  if ((rc & 0xff) == SQLITE_BUSY) return Entry::kBusy;
  if (rc != SQLITE_OK) throw connection_->error(rc, "lock for reading");
  inside_ = true;
  Entry entry = Entry::kEntered;
  if (journal_is_hot(file_, path_)) {
    entry = Entry::kHotJournal;
  } else if (size_of(path_ + "-wal").value_or(0) > 0) {
    entry = Entry::kWal;
  }
  if (entry != Entry::kEntered) leave();
  return entry;
}

void RollbackGuard::leave() {
  if (!inside_) return;
  file_->pMethods->xUnlock(file_, SQLITE_LOCK_NONE);
  inside_ = false;
}

bool RollbackGuard::writer_is_near() const {
  int reserved = 0;
  const int rc = file_->pMethods->xCheckReservedLock(file_, &reserved);
  return rc == SQLITE_OK && reserved != 0;
}

void RollbackGuard::read_main(std::uint64_t offset, MutableBytes out) const {
  read_file(file_, kMain, offset, out);
}

std::uint64_t RollbackGuard::main_bytes() const { return file_bytes(file_, kMain); }

bool RollbackGuard::has_moved() const { return main_file_has_moved(connection_->handle()); }

}  // namespace litewright
