#include "archive/follow_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <span>
#include <thread>

#include "base/checksum.h"
#include "base/error.h"
#include "base/shell_words.h"

namespace litewright {
namespace {

constexpr int kLooksForText = 10;  // a holder writes it just after it has the lock
constexpr std::chrono::milliseconds kBetweenLooks{5};
constexpr std::uint64_t kLongestText = 8192;

std::string text_at(const std::string& path) {
  try {
    return read_whole_file(path, kLongestText);
  } catch (const Error&) {
    return {};  // not there yet, or gone
  }
}

Error held_by(const std::string& path, const FollowLockOptions& options) {
  std::string text = text_at(path);
  for (int look = 1; look < kLooksForText && !text.ends_with('\n'); look++) {
    std::this_thread::sleep_for(kBetweenLooks);
    text = text_at(path);
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
          : fmt::format("one follower serves a database: stop it (kill {}), or use its archive: --archive {}",
                        pid, shell_quoted(archive)));
}

}  // namespace

FollowLockFile::FollowLockFile(const std::string& state_folder)
    : path_(state_folder + "/follow.locks"), file_(open_file(path_, O_RDWR | O_CREAT | O_NOFOLLOW, 0600)) {}

bool FollowLockFile::set(short type, std::int64_t place) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = place;
  lock.l_len = 1;
  if (::fcntl(file_.get(), F_OFD_SETLK, &lock) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  throw error_from_errno(errno, "lock " + path_);
}

bool FollowLockFile::try_lock(std::int64_t place) {
  const std::lock_guard lock(mutex_);
  if (held_.contains(place) || !set(F_WRLCK, place)) return false;
  held_.insert(place);
  return true;
}

void FollowLockFile::unlock(std::int64_t place) {
  const std::lock_guard lock(mutex_);
  held_.erase(place);
  try {
    set(F_UNLCK, place);
  } catch (const Error&) {
    // Never seen; it goes with the process.
  }
}

FollowLock::FollowLock(const FollowLockOptions& options)
    : file_(options.file ? options.file : std::make_shared<FollowLockFile>(options.state_folder)) {
  struct stat about{};
  if (::stat(options.database.c_str(), &about) != 0)
    throw error_from_errno(errno, "look at " + options.database);
  device_ = about.st_dev;
  inode_ = about.st_ino;
  const std::uint64_t numbers[2] = {device_, inode_};
  place_ = static_cast<std::int64_t>(checksum64(std::as_bytes(std::span(numbers))) >> 2);
  path_ = fmt::format("{}/follow-{:x}-{}.txt", options.state_folder, device_, inode_);
  if (!file_->try_lock(place_)) throw held_by(path_, options);
  const std::string text =
      fmt::format("{}\n{}\n", options.reported_pid != 0 ? options.reported_pid : ::getpid(), options.archive);
  try {
    const FileDescriptor file = open_file(path_, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    pwrite_fully(file.get(), std::as_bytes(std::span(text)), 0, path_);
  } catch (const Error&) {
    // It tells others who we are, and nothing more: a full disk keeps nobody from following.
  }
}

FollowLock::~FollowLock() {
  ::unlink(path_.c_str());  // while it is still locked: nobody else's is removed
  file_->unlock(place_);
}

bool FollowLock::is_of(const std::string& database) const {
  struct stat about{};
  return ::stat(database.c_str(), &about) == 0 && about.st_dev == device_ && about.st_ino == inode_;
}

}  // namespace litewright
