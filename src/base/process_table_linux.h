// The process table of Linux: /proc/PID/fd, /proc/PID/fdinfo and /proc/locks (FACTS 4 to 6).
#pragma once

#include <optional>
#include <string_view>

#include "base/process_table.h"

namespace litewright {

// Stateless; usable from every thread. Takes about 1 ms for a hundred processes.
class LinuxProcessTable final : public ProcessTable {
 public:
  FileHolders who_has_open(const std::vector<std::filesystem::path>& files,
                           OwnProcess own_process) const override;
  // Reads anew the locks of `known`, an answer to the same question, without looking into any process: some
  // ten microseconds. False where that is not enough: another process holds a lock, or a file is another.
  bool refresh_locks(const std::vector<std::filesystem::path>& files, FileHolders& known) const;
};

// A process's threads at one moment.
struct ThreadsLook {
  int count = 0;
  bool all_sleep =
      false;  // each is in an interruptible sleep: none runs, waits for the disk, is stopped or traced
  std::uint64_t wakes = 0;  // voluntary context switches of all of them together
};

// Empty where it can't be told. Reads at most kMaxThreads threads; a process with more counts as not all
// asleep.
inline constexpr int kMaxThreads = 512;
std::optional<ThreadsLook> look_at_threads(pid_t pid);

// A row of /proc/locks, or what follows `lock:` in /proc/PID/fdinfo/FD.
struct LockRow {
  HeldLock lock;
  pid_t pid = 0;  // -1 for open-file locks
  unsigned device_major = 0;
  unsigned device_minor = 0;
  std::uint64_t inode = 0;
};

// Nothing for a waiter's row ("->"), and for one that is not understood.
std::optional<LockRow> parse_lock_row(std::string_view row);

}  // namespace litewright
