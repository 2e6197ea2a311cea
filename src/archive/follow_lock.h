// One follower a database on a machine: two would pin each other's marks, so that neither's gate succeeds and
// the WAL grows without bound (FACTS 12). The database's own files are never opened for it (FACTS 7).
//
// follow.locks in the state folder: one byte of it a database, at a place that its main file's device and
// inode give, locked (an open file description's lock) while it is followed: a process that follows many
// needs one descriptor. follow-<device, hex>-<inode>.txt says who: the holder's pid, a line feed, the
// archive, a line feed; removed when it is let go. Whoever uses another state folder (another user, a
// container) is not seen.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/file_descriptor.h"

namespace litewright {

// A process' hold on follow.locks. From any thread.
class FollowLockFile {
 public:
  explicit FollowLockFile(const std::string& state_folder);
  bool try_lock(std::int64_t place);  // false: another process has it, or this one
  void unlock(std::int64_t place);

 private:
  bool set(short type, std::int64_t place);

  std::string path_;
  FileDescriptor file_;
  std::mutex mutex_;
  std::set<std::int64_t> held_;
};

struct FollowLockOptions {
  std::string database;  // path
  std::string state_folder;
  std::string archive;                        // where its commits go: told to who is refused
  int reported_pid = 0;                       // whom to stop; 0: this process
  std::shared_ptr<FollowLockFile> file = {};  // of the state folder; null: opened for this one
};

class FollowLock {
 public:
  // Throws Error{kLocked} that names the holder and its archive; Error{kNoDatabase} where there is no such
  // file.
  explicit FollowLock(const FollowLockOptions& options);
  ~FollowLock();
  FollowLock(FollowLock&&) = delete;
  FollowLock& operator=(FollowLock&&) = delete;

  // False: another file has that name by now (a restore in place), or none.
  bool is_of(const std::string& database) const;

 private:
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::int64_t place_ = 0;
  std::string path_;  // of the text
  std::shared_ptr<FollowLockFile> file_;
};

}  // namespace litewright
