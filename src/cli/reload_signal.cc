#include "cli/reload_signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "base/error.h"

namespace litewright {
namespace {

// A signal handler reaches nothing but what has static storage.
std::atomic<int> event_to_wake{-1};
static_assert(std::atomic<int>::is_always_lock_free);

void note_signal(int) {
  const int saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_to_wake.load(), &one, sizeof one);
  errno = saved;
}

}  // namespace

ReloadSignal::ReloadSignal() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw error_from_errno(errno, "make an eventfd");
  int none = -1;
  if (!event_to_wake.compare_exchange_strong(none, event_.get()))
    throw Error(ErrorCode::kInternal, "two reload signals in one process");
  struct sigaction action = {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGHUP, nullptr, &before_);
  if (before_.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);
}

ReloadSignal::~ReloadSignal() {
  ::sigaction(SIGHUP, &before_, nullptr);
  event_to_wake.store(-1);
}

bool ReloadSignal::take() {
  std::uint64_t count = 0;
  return ::read(event_.get(), &count, sizeof count) == sizeof count;
}

}  // namespace litewright
