// Folders below a root, opened part by part so that no symbolic link is ever followed. Linux.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <utility>

namespace litewright {

// Owns a descriptor, or none (-1).
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// The root, or none where there is no such folder. The root itself may be reached through symbolic links:
// its path is the user's.
Descriptor open_root(const std::string& root);
// Makes the root and what is missing above it (0700), each new entry fsynced in its parent.
Descriptor make_root(const std::string& root);

// The folder `parts` below `root`, or none where one is missing. Throws Error{kPermission} at a symbolic
// link.
Descriptor open_folder(int root, std::span<const std::string> parts, const std::string& described);
// The same, but makes what is missing (0700), and fsyncs every parent on the way: an entry that another
// process made and did not sync is durable afterwards too.
Descriptor make_folder(int root, std::span<const std::string> parts, const std::string& described);

// Visits the regular files of `folder` and of the folders below it, not deeper than kMaxObjectNameParts.
// `visit` gets the folder's descriptor, the file's name in it, and its path from `folder` ("segments/x").
// Links are left out; files that vanish meanwhile too.
void walk_files(int folder, const std::string& path,
                const std::function<void(int, const std::string&, const std::string&)>& visit);

void fsync_or_throw(int fd, const std::string& what);

}  // namespace litewright
