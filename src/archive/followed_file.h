// Which file an archive's line of commits was followed in, remembered on this machine: a file that took its
// name since is another one. A cache: without it a replaced file is found by what is in it, or is a gap.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace litewright {

// An inode's number is used again soon; its time of birth is not. Needs no open(2) (FACTS 7).
struct FileIdentity {
  std::uint64_t inode = 0;
  std::int64_t born = 0;  // nanoseconds UTC
  bool operator==(const FileIdentity&) const = default;
};
// nullopt: there is no such file, or its file system tells no birth.
std::optional<FileIdentity> identify_file(const std::string& path);

// When it was last written, and how long it is; both of them are another's after a write by somebody else.
struct FileStamp {
  std::int64_t modified = 0;  // nanoseconds UTC
  std::uint64_t bytes = 0;
  bool operator==(const FileStamp&) const = default;
};
std::optional<FileStamp> stamp_file(const std::string& path);

class FollowedFile {
 public:
  // `archive`: ObjectStore::describe(). Reads what is remembered.
  FollowedFile(const std::string& state_folder, const std::string& archive, std::string database);

  // To be called once the database is open: the file that is meant from here on.
  void look() { current_ = identify_file(database_); }
  // It is another one than the one remembered, for sure.
  bool was_replaced() const { return disowned_ || (remembered_ && current_ && *remembered_ != *current_); }
  // When the database was last known to be what the archive ends with; the start of time if unknown.
  WallTime known_at() const { return known_at_; }

  // The archive ends with what was in this file at `known_at`. A failure to write it down is ignored.
  void remember(WallTime known_at);
  // It was overwritten: another one has its inode. was_replaced() until it is remembered anew, after a kill
  // too.
  void disown();

 private:
  void write_down() const;

  std::string path_, database_;
  std::optional<FileIdentity> remembered_, current_;
  bool disowned_ = false;
  WallTime known_at_{};
};

}  // namespace litewright
