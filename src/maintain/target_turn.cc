#include "maintain/target_turn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <thread>

#include "base/error.h"

namespace litewright {
namespace {

FileDescriptor open_or_make(const TargetWish& wish) {
  FileDescriptor made(::open(wish.file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, wish.mode));
  if (made && ::fchmod(made.get(), wish.mode) != 0)
    throw error_from_errno(errno, "set the mode of " + wish.file.string());
  if (made) return made;
  if (errno == ENOENT || errno == ENOTDIR) {
    throw Error(ErrorCode::kCantCreate,
                fmt::format("create {}: its folder does not exist", wish.file.string()),
                "make it first, or name another file");
  }
  if (errno != EEXIST) throw error_from_errno(errno, "create " + wish.file.string());
  return open_file(wish.file, O_RDWR);
}

bool took_lock(int fd, const std::filesystem::path& file) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK || errno == EINTR) return false;
  throw error_from_errno(errno, "lock " + file.string());
}

}  // namespace

FileDescriptor take_target(const TargetWish& wish, const Clock& clock) {
  constexpr std::chrono::milliseconds kBetweenTries{20};
  FileDescriptor file = open_or_make(wish);
  const SteadyTime end = clock.steady() + wish.patience.longest_wait;
  while (!took_lock(file.get(), wish.file)) {
    const bool stopped = wish.stop && wish.stop();
    if (stopped || clock.steady() >= end) {
      const std::string who = wish.patience.who ? wish.patience.who() : "";
      throw Error(ErrorCode::kLocked,
                  fmt::format("{}: another rows archive writes to it{}{}", wish.file.string(),
                              who.empty() ? "" : ": " + who, stopped ? "; stopped while waiting for it" : ""),
                  "run it again when that is done, or wait longer: --wait 5m");
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
  return file;
}

}  // namespace litewright
