// One follower a database on a machine: two would pin each other's marks, so that neither's gate succeeds and
// the WAL grows without bound (FACTS 12). Held by a lock file in the state folder that names the database's
// main file by device and inode: the database's own files are never opened for it (FACTS 7).
//
// follow-<device, hex>-<inode>.lock: flocked while it is held, removed when it is let go; its text is the
// holder's pid, a line feed, the archive, a line feed. Whoever uses another state folder (another user, a
// container) is not seen.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/file_descriptor.h"

namespace litewright {

struct FollowLockOptions {
  std::string database;  // path
  std::string state_folder;
  std::string archive;   // where its commits go: told to who is refused
  int reported_pid = 0;  // whom to stop; 0: this process
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
  std::string path_;
  FileDescriptor file_;
};

}  // namespace litewright
