// The SQLite libraries of a running process: the files in /proc/PID/maps that hold code, searched for
// SQLite's version (locks/sqlite_library.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "base/process_table.h"
#include "locks/sqlite_library.h"

namespace litewright {

// Remembers what each file held, and what each process carries, for as long as it lives. For one thread.
class SqliteLibraryFinder {
 public:
  // Empty where the process has ended or is not ours to look into.
  const std::vector<SqliteLibrary>& libraries_of(const FileHolder& process);
  // Forgets the processes that are not among these.
  void keep_only(const std::vector<FileHolder>& processes);

 private:
  struct MappedFile {
    std::string range;  // its name below /proc/PID/map_files
    std::string path;
    std::uint64_t inode = 0;
  };
  static std::vector<MappedFile> code_files(pid_t pid);
  std::optional<SqliteLibrary> search(pid_t pid, const MappedFile& file);

  using ProcessKey = std::pair<pid_t, std::uint64_t>;  // pid, start
  using FileKey =
      std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::uint64_t>;  // device, inode, mtime, size
  std::map<ProcessKey, std::vector<SqliteLibrary>> by_process_;
  std::map<FileKey, std::optional<SqliteLibrary>> by_file_;
};

}  // namespace litewright
