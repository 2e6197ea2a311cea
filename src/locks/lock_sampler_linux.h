// The facts from Linux: /proc/locks, /proc/PID, and one descriptor for reading each of the main file, -shm
// and -journal (FACTS 4 to 8).
//
// Only for a process that has no SQLite connection to the database and opens none while this lives: closing
// its descriptors would drop that connection's locks (FACTS 7). F_GETLK alone is asked, which takes no lock.
#pragma once

#include <map>
#include <memory>

#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/process_table_linux.h"
#include "locks/lock_facts.h"
#include "locks/sqlite_library_linux.h"

namespace litewright {

class LinuxLockSampler final : public LockSampler {
 public:
  // Borrows the clock. The path is resolved here: links are followed once.
  LinuxLockSampler(const std::filesystem::path& database, const Clock& clock);
  LockFacts sample(Depth depth) override;

 private:
  struct WatchedFile {
    FileDescriptor descriptor;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
  };
  // Opens the file that has the name now; no descriptor where there is none or it can't be read.
  void follow_name(WatchedFile& watched, const std::filesystem::path& path);
  void look_into_processes();
  void add_outside_holders(FileHolders& holders) const;
  void read_files(LockFacts& facts);

  std::filesystem::path database_;
  std::vector<std::filesystem::path> files_;
  const Clock& clock_;
  LinuxProcessTable processes_;
  SqliteLibraryFinder libraries_;
  WatchedFile main_;
  WatchedFile wal_index_;
  FileHolders known_;
  bool looked_ = false;
  SteadyTime looked_at_ = {};
};

}  // namespace litewright
