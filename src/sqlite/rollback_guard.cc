#include "sqlite/rollback_guard.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/file_descriptor.h"
#include "format/journal.h"
#include "sqlite/file_handle.h"

namespace litewright {
namespace {

constexpr std::size_t kLongestSuperJournal = 4096;
constexpr const char* kMain = "database file";

std::optional<std::uint64_t> size_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

RollbackGuard::RollbackGuard(const std::string& path)
    : path_(path),
      connection_(std::make_unique<Connection>(path, ConnectionOptions{.mode = OpenMode::kReadOnly})) {
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
  if (journal_is_hot()) {
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

// Under SHARED nobody writes; a journal with a transaction in it that no writer holds was left by a crash. A
// writer who begins between two looks is told by the second one.
bool RollbackGuard::journal_is_hot() const {
  if (size_of(journal()).value_or(0) == 0 || writer_is_near()) return false;
  const FileDescriptor file(::open(journal().c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return false;  // rolled back or committed meanwhile
  std::array<std::byte, kJournalHeaderBytes> head;
  const std::size_t got = pread_fully(file.get(), head, 0, journal());
  // What is no journal SQLite deletes and rolls nothing back: the file is as it was committed.
  if (journal_heat(Bytes(head).first(got)) != JournalHeat::kMaybeHot || writer_is_near()) return false;
  std::vector<std::byte> tail(kLongestSuperJournal + kJournalHeaderBytes);
  const std::uint64_t bytes = size_of(journal()).value_or(0);
  const std::uint64_t from = bytes - std::min<std::uint64_t>(bytes, tail.size());
  tail.resize(pread_fully(file.get(), tail, from, journal()));
  const auto super = super_journal_name(tail);
  return !super || size_of(*super).has_value();
}

void RollbackGuard::read_main(std::uint64_t offset, MutableBytes out) const {
  read_file(file_, kMain, offset, out);
}

std::uint64_t RollbackGuard::main_bytes() const { return file_bytes(file_, kMain); }

bool RollbackGuard::has_moved() const { return main_file_has_moved(connection_->handle()); }

}  // namespace litewright
