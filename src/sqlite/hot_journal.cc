#include "sqlite/hot_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/file_descriptor.h"
#include "base/shell_words.h"
#include "format/journal.h"
#include "sqlite/file_handle.h"

namespace litewright {
namespace {

constexpr std::size_t kLongestSuperJournal = 4096;

std::optional<std::uint64_t> size_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

bool is_reserved(sqlite3_file* file) {
  int reserved = 0;
  const int rc = file->pMethods->xCheckReservedLock(file, &reserved);
  return rc == SQLITE_OK && reserved != 0;
}

// A journal with a transaction in it, and nobody who writes it.
bool looks_hot(sqlite3_file* file, const std::string& journal) {
  if (size_of(journal).value_or(0) == 0 || is_reserved(file)) return false;
  const FileDescriptor opened(::open(journal.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!opened) return false;  // rolled back or committed meanwhile
  std::array<std::byte, kJournalHeaderBytes> head;
  const std::size_t got = pread_fully(opened.get(), head, 0, journal);
  // What is no journal SQLite deletes and rolls nothing back: the file is as it was committed.
  if (journal_heat(Bytes(head).first(got)) != JournalHeat::kMaybeHot || is_reserved(file)) return false;
  std::vector<std::byte> tail(kLongestSuperJournal + kJournalHeaderBytes);
  const std::uint64_t bytes = size_of(journal).value_or(0);
  const std::uint64_t from = bytes - std::min<std::uint64_t>(bytes, tail.size());
  tail.resize(pread_fully(opened.get(), tail, from, journal));
  const auto super = super_journal_name(tail);
  return !super || size_of(*super).has_value();
}

}  // namespace

// Twice: between the two looks at RESERVED a writer may have begun and taken all back. Beside an empty file
// SQLite deletes the journal and rolls nothing back.
bool journal_is_hot(sqlite3_file* file, const std::string& path) {
  const std::string journal = path + "-journal";
  return looks_hot(file, journal) && looks_hot(file, journal) && file_bytes(file, "database file") > 0;
}

bool has_hot_journal(sqlite3* connection, const std::string& path) {
  if (size_of(path + "-journal").value_or(0) == 0) return false;
  sqlite3_file* file = nullptr;
  sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file));
  if (file == nullptr || file->pMethods == nullptr) return false;
  if (file->pMethods->xLock(file, SQLITE_LOCK_SHARED) != SQLITE_OK) return false;
  bool hot = false;
  try {
    hot = journal_is_hot(file, path);
  } catch (...) {
    file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    throw;
  }
  file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
  return hot;
}

Error hot_journal_error(const std::string& path) {
  return {
      ErrorCode::kLocked,
      fmt::format("{}-journal holds a transaction that a crash cut off, to be rolled back by the application",
                  path),
      fmt::format("start the application, or open it once: sqlite3 {} 'PRAGMA schema_version'; never remove "
                  "the journal",
                  shell_quoted(path))};
}

}  // namespace litewright
