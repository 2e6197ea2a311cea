// A file descriptor that closes itself, and whole reads and writes on one: EINTR and short transfers are
// dealt with here and nowhere else.
//
// Never use these on a database or -shm file in a process that has it open through SQLite (FACTS 7).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "base/types.h"

namespace litewright {

// Owns one descriptor; -1 is "none". Closing ignores errors: what must be durable was fsynced before.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC added. Throws by error_from_errno ("open PATH: …").
FileDescriptor open_file(const std::filesystem::path& path, int flags, mode_t mode = 0600);

// Writes all of `data` at `offset`. `name` is for messages ("write NAME: …").
void pwrite_fully(int fd, Bytes data, std::uint64_t offset, const std::string& name);

// Reads from `offset` until `out` is full or the file ends; returns the bytes read.
std::size_t pread_fully(int fd, MutableBytes out, std::uint64_t offset, const std::string& name);

// The whole of a small file. Throws Error{kDamaged} where it is longer than `limit` bytes.
std::string read_whole_file(const std::filesystem::path& path, std::uint64_t limit);

}  // namespace litewright
