#include "cli/stop_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "base/error.h"

namespace litewright {

namespace {

constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};

// A signal handler reaches nothing but what has static storage.
std::atomic<int> noted_signal{0};
std::atomic<int> noted_signals{0};
std::atomic<int> event_to_wake{-1};
static_assert(std::atomic<int>::is_always_lock_free);

void note_signal(int number) {
  const int saved = errno;
  int none = 0;
  noted_signal.compare_exchange_strong(none, number);
  ++noted_signals;
  const std::uint64_t one = 1;
  // Fails only when the counter is full: then it is readable already.
  [[maybe_unused]] const auto written = ::write(event_to_wake.load(), &one, sizeof one);
  errno = saved;
}

}  // namespace

StopSignal::StopSignal() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw error_from_errno(errno, "make an eventfd");
  int none = -1;
  if (!event_to_wake.compare_exchange_strong(none, event_.get())) {
    throw Error(ErrorCode::kInternal, "two stop signals in one process");
  }
  noted_signal.store(0);
  noted_signals.store(0);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction action = {};
    action.sa_handler = note_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

StopSignal::~StopSignal() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &before_[i], nullptr);
    const bool has_handler = before_[i].sa_handler != SIG_DFL && before_[i].sa_handler != SIG_IGN;
    if (kSignals[i] == signal() && has_handler) ::raise(kSignals[i]);
  }
  event_to_wake.store(-1);
}

bool StopSignal::is_there() { return event_to_wake.load() >= 0; }

bool StopSignal::requested() const { return signal() != 0; }

int StopSignal::count() const { return noted_signals.load(); }

int StopSignal::signal() const { return noted_signal.load(); }

bool StopSignal::wait_for(std::chrono::milliseconds time) const {
  pollfd waiting = {.fd = event_.get(), .events = POLLIN, .revents = 0};
  ::poll(&waiting, 1, static_cast<int>(time.count()));
  return requested();
}

}  // namespace litewright
