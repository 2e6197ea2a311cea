#include "archive/follow_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <span>
#include <thread>

#include "base/error.h"

namespace litewright {
namespace {

constexpr int kAttempts = 8;       // while holders that leave remove the file under us
constexpr int kLooksForText = 10;  // a holder writes it just after it has the lock
constexpr std::chrono::milliseconds kBetweenLooks{5};

Error held_by(int file, const FollowLockOptions& options) {
  std::string text;
  for (int look = 0; look < kLooksForText && !text.ends_with('\n'); look++) {
    if (look > 0) std::this_thread::sleep_for(kBetweenLooks);
    text.resize(8192);
    text.resize(pread_fully(file, std::as_writable_bytes(std::span(text)), 0, "the follower's lock"));
  }
  const std::size_t end = text.find('\n');
  if (end == std::string::npos)
    return Error(ErrorCode::kLocked, options.database + " is followed already", "stop the other one first");
  const std::string pid = text.substr(0, end);
  const std::string archive = text.substr(end + 1, text.size() - end - 2);
  return Error(
      ErrorCode::kLocked,
      fmt::format("{} is followed already by process {}, into {}", options.database, pid, archive),
      archive == options.archive
          ? fmt::format("stop it first: kill {}", pid)
          : fmt::format(
                "one follower serves a database: stop it (kill {}), or use its archive: --archive '{}'", pid,
                archive));
}

// The file may have been removed by its last holder between our open and our lock.
bool is_linked(int file, const std::string& path) {
  struct stat locked{};
  struct stat named{};
  return ::fstat(file, &locked) == 0 && ::lstat(path.c_str(), &named) == 0 && locked.st_ino == named.st_ino &&
         locked.st_dev == named.st_dev;
}

}  // namespace

FollowLock::FollowLock(const FollowLockOptions& options) {
  struct stat about{};
  if (::stat(options.database.c_str(), &about) != 0)
    throw error_from_errno(errno, "look at " + options.database);
  device_ = about.st_dev;
  inode_ = about.st_ino;
  path_ = fmt::format("{}/follow-{:x}-{}.lock", options.state_folder, device_, inode_);
  for (int attempt = 0; attempt < kAttempts && !file_; attempt++) {
    FileDescriptor file = open_file(path_, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) throw error_from_errno(errno, "lock " + path_);
      throw held_by(file.get(), options);
    }
    if (is_linked(file.get(), path_)) file_ = std::move(file);
  }
  if (!file_) throw Error(ErrorCode::kLocked, path_ + " is being replaced again and again", "try again");
  const std::string text =
      fmt::format("{}\n{}\n", options.reported_pid != 0 ? options.reported_pid : ::getpid(), options.archive);
  if (::ftruncate(file_.get(), 0) != 0) throw error_from_errno(errno, "write " + path_);
  pwrite_fully(file_.get(), std::as_bytes(std::span(text)), 0, path_);
}

FollowLock::~FollowLock() {
  if (file_) ::unlink(path_.c_str());  // while it is still locked: nobody else's is removed
}

bool FollowLock::is_of(const std::string& database) const {
  struct stat about{};
  return ::stat(database.c_str(), &about) == 0 && about.st_dev == device_ && about.st_ino == inode_;
}

}  // namespace litewright
