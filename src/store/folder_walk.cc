#include "store/folder_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/error.h"
#include "store/object_name.h"

namespace litewright {

namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
// Entries read of one folder: a bound against a folder that grows as fast as it is read.
constexpr std::size_t kMaxEntries = 10'000'000;

bool is_link(int folder, const std::string& name) {
  struct stat about{};
  return fstatat(folder, name.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(about.st_mode);
}

// None where `name` is missing.
Descriptor open_part(int folder, const std::string& name, const std::string& described) {
  const int fd = openat(folder, name.c_str(), kFolderFlags | O_NOFOLLOW);
  if (fd >= 0) return Descriptor(fd);
  const int error = errno;
  if (is_link(folder, name)) {
    throw Error(ErrorCode::kPermission,
                described + ": " + name + " is a symbolic link, which is not followed",
                "replace the link by the folder that it names");
  }
  if (error == ENOENT) return Descriptor();
  throw error_from_errno(error, "open folder " + name + " of " + described);
}

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

// The names in `folder`, sorted, without "." and "..".
std::vector<std::string> names_in(int folder, const std::string& path) {
  // A descriptor of its own: fdopendir takes it over, and its position is not shared.
  const int fd = openat(folder, ".", kFolderFlags);
  if (fd < 0) throw error_from_errno(errno, "open folder " + path);
  const std::unique_ptr<DIR, CloseFolder> entries(fdopendir(fd));
  if (!entries) {
    const int error = errno;
    close(fd);
    throw error_from_errno(error, "read folder " + path);
  }
  std::vector<std::string> names;
  while (names.size() < kMaxEntries) {
    errno = 0;
    const dirent* entry = readdir(entries.get());
    if (entry == nullptr && errno != 0) throw error_from_errno(errno, "read folder " + path);
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void walk(int folder, const std::string& path, std::size_t depth,
          const std::function<void(int, const std::string&, const std::string&)>& visit) {
  for (const std::string& name : names_in(folder, path)) {
    struct stat about{};
    if (fstatat(folder, name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const std::string full = path.empty() ? name : path + "/" + name;
    if (S_ISREG(about.st_mode)) visit(folder, name, full);
    if (!S_ISDIR(about.st_mode) || depth >= kMaxObjectNameParts) continue;
    const int fd = openat(folder, name.c_str(), kFolderFlags | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) continue;
    if (fd < 0) throw error_from_errno(errno, "open folder " + full);
    const Descriptor below(fd);
    walk(below.get(), full, depth + 1, visit);
  }
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

void fsync_or_throw(int fd, const std::string& what) {
  if (fsync(fd) != 0) throw error_from_errno(errno, "fsync " + what);
}

Descriptor open_root(const std::string& root) {
  const int fd = open(root.c_str(), kFolderFlags);
  if (fd >= 0) return Descriptor(fd);
  if (errno == ENOENT) return Descriptor();
  throw error_from_errno(errno, "open archive folder " + root);
}

Descriptor make_root(const std::string& root) {
  if (Descriptor there = open_root(root)) return there;
  // "a/b/" has the parent "a".
  const std::string path = root.substr(0, root.find_last_not_of('/') + 1);
  const auto slash = path.rfind('/');
  const std::string parent =
      slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
  const Descriptor above = make_root(parent);
  if (mkdirat(above.get(), path.substr(slash + 1).c_str(), 0700) != 0 && errno != EEXIST) {
    throw error_from_errno(errno, "make archive folder " + root);
  }
  fsync_or_throw(above.get(), parent);
  Descriptor made = open_root(root);
  if (!made) throw Error(ErrorCode::kIo, root + " vanished while it was made");
  return made;
}

Descriptor open_folder(int root, std::span<const std::string> parts, const std::string& described) {
  Descriptor at(openat(root, ".", kFolderFlags));
  if (!at) throw error_from_errno(errno, "open " + described);
  for (const std::string& part : parts) {
    at = open_part(at.get(), part, described);
    if (!at) return at;
  }
  return at;
}

Descriptor make_folder(int root, std::span<const std::string> parts, const std::string& described) {
  Descriptor at(openat(root, ".", kFolderFlags));
  if (!at) throw error_from_errno(errno, "open " + described);
  for (const std::string& part : parts) {
    if (mkdirat(at.get(), part.c_str(), 0700) != 0 && errno != EEXIST) {
      throw error_from_errno(errno, "make folder " + part + " in " + described);
    }
    fsync_or_throw(at.get(), described);
    at = open_part(at.get(), part, described);
    if (!at) throw Error(ErrorCode::kIo, described + ": folder " + part + " vanished while it was made");
  }
  return at;
}

void walk_files(int folder, const std::string& path,
                const std::function<void(int, const std::string&, const std::string&)>& visit) {
  walk(folder, path, 1, visit);
}

}  // namespace litewright
