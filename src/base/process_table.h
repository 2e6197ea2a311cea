// Which processes have files open, and which locks they hold on them. The operating system's table comes in
// through an interface, so that tests can hold it.
//
// That a process has a database open says little about who blocks whom: in WAL mode every idle connection
// holds SHARED and DMS (FACTS 2). It does say who must stop before a restore in place.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace litewright {

// One row of /proc/locks: bytes `first` to `last` of a file, both included.
struct HeldLock {
  enum class Kind { kPosix, kOpenFile, kFlock, kOther };
  enum class Mode { kRead, kWrite };
  static constexpr std::uint64_t kToEndOfFile = ~std::uint64_t{0};

  Kind kind = Kind::kPosix;
  Mode mode = Mode::kRead;
  std::uint64_t first = 0;
  std::uint64_t last = kToEndOfFile;  // kToEndOfFile: without end

  auto operator<=>(const HeldLock&) const = default;
  // Adjacent ranges of one mode are merged by the kernel: ask for overlap, never for equality (FACTS 4).
  bool covers(std::uint64_t byte) const { return first <= byte && byte <= last; }
};

// One of the files asked for, as a process has it.
struct HeldFile {
  std::filesystem::path file = {};  // as it was asked for
  bool open = true;                 // false: only a lock was seen, its process could not be looked into
  bool for_writing = true;          // false: each of its descriptors is for reading alone
  std::vector<HeldLock> locks = {};
};

// A process, known for good by pid and start (a pid alone is used again).
struct FileHolder {
  pid_t pid = 0;  // 0: a lock whose holder has no pid here: another container's, or an open-file lock
  std::uint64_t start_ticks = 0;         // field 22 of /proc/PID/stat; 0 where unknown
  std::optional<WallTime> started = {};  // the same as a time
  std::string user = {};                 // the name, or the number where it has none
  std::string command_line = {};         // arguments joined by blanks; "[name]" where there are none
  std::string executable = {};           // the program's file; empty where it is not told
  std::string container = {};            // its control group's short name; empty outside of containers
  pid_t inner_pid = 0;                   // its pid in its own pid namespace; 0 where that is ours
  std::vector<HeldFile> files = {};      // in the order asked for; those it does not hold are left out
};

struct FileHolders {
  std::vector<FileHolder> holders;  // by pid
  // Processes, by pid, that have open what had one of the names before: a file since deleted, or replaced by
  // another. `files` says which names; a process may be among the holders, too.
  std::vector<FileHolder> stale = {};
  // Processes that could not be looked into (other users', when not root): some of them may have the files
  // open. 0 means that the answer is whole.
  std::size_t unseen_processes = 0;
};

enum class OwnProcess { kInclude, kExclude };

class ProcessTable {
 public:
  virtual ~ProcessTable() = default;
  // Never opens any of `files` (FACTS 7): they are only stat()ed; those that don't exist are held by nobody.
  // Throws Error{kIo} where the table itself can't be read.
  virtual FileHolders who_has_open(const std::vector<std::filesystem::path>& files,
                                   OwnProcess own_process) const = 0;
};

// The files of a database: itself, -wal, -shm, -journal.
std::vector<std::filesystem::path> database_files(const std::filesystem::path& database);

// "python3 app.py (pid 4711, user app)", for messages, with its container where it has one; "a process
// outside this container" for pid 0.
std::string describe(const FileHolder& holder);

}  // namespace litewright
