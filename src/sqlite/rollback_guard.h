// Reads a database that has no WAL under SQLite's SHARED lock (FACTS 1, 18), page by page and without parsing
// any: what it holds is a committed state. Nothing is ever written: a journal that a crash left behind is the
// application's to roll back.
//
// One object a database and process (FACTS 7); used from one thread. Invariant: between enter() that gave
// kEntered and leave() nobody writes to the main file.
#pragma once

#include <memory>
#include <string>

#include "sqlite/connection.h"
#include "sqlite/main_file.h"

struct sqlite3_file;

namespace litewright {

class RollbackGuard final : public MainFile {
 public:
  // Opens the file for reading; takes no lock yet. Throws as Connection does.
  explicit RollbackGuard(const std::string& path);
  ~RollbackGuard() override;
  RollbackGuard(const RollbackGuard&) = delete;
  RollbackGuard& operator=(const RollbackGuard&) = delete;

  enum class Entry {
    kEntered,     // SHARED is ours
    kBusy,        // somebody is writing at this moment, or has the database for himself
    kHotJournal,  // a crash cut a transaction off: what was committed is known only when it is rolled back
    kWal,         // beside the file lies a WAL with something in it: the file alone is no state
  };
  // Never waits.
  Entry enter();
  void leave();
  bool inside() const { return inside_; }

  // Somebody prepares to write (RESERVED): he will wait for us when he commits.
  bool writer_is_near() const;

  void read_main(std::uint64_t offset, MutableBytes out) const override;
  std::uint64_t main_bytes() const override;
  bool has_moved() const;

 private:
  std::string path_;
  std::unique_ptr<Connection> connection_;
  sqlite3_file* file_ = nullptr;
  bool inside_ = false;
};

}  // namespace litewright
