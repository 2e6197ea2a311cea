#include "cli/supervise_linux.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <memory>
#include <new>
#include <optional>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "cli/reload_signal.h"
#include "cli/stop_signal.h"

namespace litewright {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kLook{50};  // where nothing tells that the child ended
constexpr std::chrono::milliseconds kLookAfterStop{10};

GateClock& shared_gate_clock() {
  void* memory =
      ::mmap(nullptr, sizeof(GateClock), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw error_from_errno(errno, "share memory with the watchdog");
  return *new (memory) GateClock;
}

bool overstays(const GateClock& gate, std::chrono::milliseconds longest) {
  const std::int64_t entered = gate.entered_ns.load();
  return entered != 0 && Clock::now().time_since_epoch() - std::chrono::nanoseconds(entered) > longest;
}

// Sleeps until there is something to look at: the child ended, a stop signal came, the gate was entered or is
// overstayed. A quiet hour costs nothing. `reload`: -1 for none.
void sleep_until_needed(int ended, GateClock& gate, const SuperviseOptions& options, const StopSignal& stop,
                        int reload) {
  pollfd waiting[4] = {
      {ended, POLLIN, 0}, {gate.entered.fd(), POLLIN, 0}, {reload, POLLIN, 0}, {stop.fd(), POLLIN, 0}};
  std::int64_t timeout = ended < 0 ? kLook.count() : -1;
  if (const std::int64_t entered = gate.entered_ns.load(); entered != 0) {
    const auto over =
        std::chrono::nanoseconds(entered) + options.longest_gate - Clock::now().time_since_epoch();
    timeout = std::max<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(over).count(), 1);
  }
  // A stop signal stays readable: from then on there is something to look at all the time.
  if (stop.requested()) timeout = kLookAfterStop.count();
  ::poll(waiting, stop.requested() ? 3 : 4, static_cast<int>(timeout));
  gate.entered.drain();
}

// Ends a child that is only held up on its way out; never one whose connections are open: the last to leave
// must close them properly (FACTS 28), and in the gate it has a limit of its own.
class Hurry {
 public:
  Hurry(GateClock& gate, std::chrono::milliseconds patience) : gate_(gate), patience_(patience) {}

  bool is_over() {
    const Clock::time_point now = Clock::now();
    if (!gate_.hurry.exchange(true) || gate_.has_database_open) closed_since_ = now;
    return now - closed_since_ > patience_;
  }

 private:
  GateClock& gate_;
  std::chrono::milliseconds patience_;
  Clock::time_point closed_since_{};
};

// A child that is about to end, or was ended, and does not: a thread of it waits in the kernel for a disk.
class Abandoned {
 public:
  explicit Abandoned(std::chrono::milliseconds patience) : patience_(patience) {}

  bool is_over(bool ends) {
    const Clock::time_point now = Clock::now();
    if (!ends) lived_at_ = now;
    return now - lived_at_ > patience_;
  }

 private:
  std::chrono::milliseconds patience_;
  Clock::time_point lived_at_ = Clock::now();
};

constexpr int kAbandonedStatus = W_EXITCODE(1, 0);

// The status of waitpid() once the child has ended; forwards the first stop signal, and the second one as
// `hurry`.
int watch(pid_t child, GateClock& gate, const SuperviseOptions& options, const StopSignal& stop,
          bool& killed) {
  bool forwarded = false;
  std::optional<ReloadSignal> reload;
  if (options.reloads) reload.emplace();
  Hurry hurry(gate, options.hurried_end);
  Abandoned abandoned(options.hurried_end);
  const FileDescriptor ended_event(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  while (true) {
    int status = 0;
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) throw error_from_errno(errno, "wait for the archiver");
    if (stop.requested() && !forwarded) {
      ::kill(child, SIGTERM);
      forwarded = true;
    }
    if (reload && reload->take()) ::kill(child, SIGHUP);
    const bool hurried = stop.count() > 1 && hurry.is_over();
    if (hurried) ::kill(child, SIGKILL);
    if (stop.requested() && abandoned.is_over(hurried || gate.ends)) return kAbandonedStatus;
    if (overstays(gate, options.longest_gate)) {
      ::kill(child, SIGKILL);
      killed = true;
    }
    sleep_until_needed(ended_event.get(), gate, options, stop, reload ? reload->fd() : -1);
  }
}

}  // namespace

int supervise(const SuperviseOptions& options, const std::function<int(GateClock&, int)>& run) {
  GateClock& gate = shared_gate_clock();
  std::deque<Clock::time_point> restarts;
  for (int generation = 0;; generation++) {
    gate.leave();
    gate.has_database_open = false;
    gate.ends = false;
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) throw error_from_errno(errno, "start the archiver");
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (::getppid() != parent) ::_exit(0);
      ::signal(SIGTSTP, SIG_IGN);  // Ctrl-Z stops the watchdog at most
      return run(gate, generation);
    }
    const StopSignal stop;
    bool killed = false;
    const int status = watch(child, gate, options, stop, killed);
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    if (stop.requested()) return gate.hurry ? 1 : 0;
    restarts.push_back(Clock::now());
    while (restarts.front() < Clock::now() - std::chrono::minutes(1)) restarts.pop_front();
    if (static_cast<int>(restarts.size()) > options.restarts_a_minute) {
      throw Error(ErrorCode::kInternal, "the archiver ended badly again and again",
                  "run it with --json and look at its last words");
    }
    options.notice(killed ? "the archiver stood still while it kept writers out: ended, starting another"
                          : "the archiver was killed or crashed: starting another");
  }
}

}  // namespace litewright
