#include "base/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "base/error.h"
#include "base/shell_words.h"

namespace litewright {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kTemporaryMark = ".litewright-tmp-";
// A name is taken only by a left-over of a process with our pid: a handful of tries is plenty.
constexpr int kMostNamesTried = 100;

std::atomic<std::uint64_t> next_temporary{0};

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

Error cannot_create(int error_number, const fs::path& target) {
  if (error_number == ENOENT || error_number == ENOTDIR) {
    return Error(ErrorCode::kCantCreate,
                 fmt::format("create {}: no such folder: {}", target.string(), folder_of(target).string()),
                 "mkdir -p " + shell_quoted(folder_of(target).string()));
  }
  return error_from_errno(error_number, "create " + target.string());
}

// True if the file still has a name: remove_abandoned_temporaries() may have met it before its flock.
bool has_a_name(int fd) {
  struct stat status = {};
  return ::fstat(fd, &status) == 0 && status.st_nlink > 0;
}

void sync_data(int fd, const fs::path& target) {
  if (::fsync(fd) == 0) return;
  throw error_from_errno(errno, "fsync " + target.string());
}

}  // namespace

DurableFile::DurableFile(fs::path target, mode_t mode) : target_(std::move(target)) {
  const std::string name = target_.filename().string();
  if (name.empty() || name == "." || name == "..") {
    throw Error(ErrorCode::kCantCreate, fmt::format("create {}: not the name of a file", target_.string()));
  }
  for (int tried = 0; tried < kMostNamesTried; ++tried) {
    temporary_ = folder_of(target_) / fmt::format(".{}{}{}-{}", name, kTemporaryMark, ::getpid(),
                                                  next_temporary.fetch_add(1, std::memory_order_relaxed));
    FileDescriptor file(::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!file && (errno == EEXIST || errno == EINTR)) continue;
    if (!file) throw cannot_create(errno, target_);
    // The flock says "my writer lives". Where the file system has none the sweep can't lock either.
    ::flock(file.get(), LOCK_EX | LOCK_NB);
    if (!has_a_name(file.get())) continue;
    file_ = std::move(file);
    return;
  }
  throw Error(ErrorCode::kCantCreate,
              fmt::format("create {}: {} temporary names are taken", target_.string(), kMostNamesTried));
}

DurableFile::~DurableFile() {
  if (file_ && !published_) ::unlink(temporary_.c_str());
}

void DurableFile::append(Bytes data) { pwrite(data, size_); }

void DurableFile::pwrite(Bytes data, std::uint64_t offset) {
  pwrite_fully(file_.get(), data, offset, target_.string());
  size_ = std::max(size_, offset + data.size());
}

void DurableFile::commit(OnExisting on_existing) {
  if (commit_tried_) {
    throw Error(ErrorCode::kIo, fmt::format("commit {}: a commit was tried before", target_.string()));
  }
  commit_tried_ = true;
  sync_data(file_.get(), target_);
  publish(on_existing);
  published_ = true;
  try {
    sync_folder(folder_of(target_));
  } catch (const Error&) {
    // The name is ours alone: better no file than one that may vanish later.
    if (on_existing == OnExisting::kFailIfExists) ::unlink(target_.c_str());
    throw;
  }
  file_.reset();
}

void DurableFile::publish(OnExisting on_existing) {
  if (on_existing == OnExisting::kReplace) {
    if (::rename(temporary_.c_str(), target_.c_str()) == 0) return;
    throw error_from_errno(errno, "rename to " + target_.string());
  }
  if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) == 0) return;
  int error_number = errno;
  // File systems without RENAME_NOREPLACE (NFS, some FUSE): a hard link refuses an existing name as well.
  if (error_number == EINVAL || error_number == ENOSYS) {
    error_number = ::link(temporary_.c_str(), target_.c_str()) == 0 ? 0 : errno;
    if (error_number == 0) ::unlink(temporary_.c_str());
  }
  if (error_number == 0) return;
  if (error_number == EEXIST) {
    throw Error(ErrorCode::kCantCreate, fmt::format("create {}: it exists", target_.string()));
  }
  throw error_from_errno(error_number, "rename to " + target_.string());
}

void sync_folder(const fs::path& folder) {
  const FileDescriptor opened = open_file(folder, O_RDONLY | O_DIRECTORY);
  if (::fsync(opened.get()) == 0) return;
  // Some network file systems can't fsync a folder and say so: their renames are synchronous.
  if (errno == EINVAL) return;
  throw error_from_errno(errno, "fsync " + folder.string());
}

void write_file_durably(const fs::path& path, Bytes content, mode_t mode) {
  DurableFile file(path, mode);
  file.append(content);
  file.commit(OnExisting::kReplace);
}

std::size_t remove_abandoned_temporaries(const fs::path& folder) {
  std::size_t removed = 0;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with('.') || name.find(kTemporaryMark) == std::string::npos) continue;
    const FileDescriptor file(::open(entry->path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;
    if (::unlink(entry->path().c_str()) == 0) ++removed;
  }
  if (failed) throw error_from_errno(failed.value(), "list " + folder.string());
  return removed;
}

}  // namespace litewright
