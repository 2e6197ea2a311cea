#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/low_priority_linux.h"
#include "serve/own_command.h"

namespace litewright {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kAskStop{100};
constexpr std::size_t kErrorKept = 4096;

struct Pipe {
  FileDescriptor read, write;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(ErrorCode::kIo, "no pipe for a command of our own");
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
};

// Without what the service manager told the daemon alone.
std::vector<char*> own_environment() {
  constexpr std::array<std::string_view, 5> kDaemons = {
      "NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=", "LISTEN_PID=", "LISTEN_FDS="};
  std::vector<char*> kept;
  for (char** variable = environ; *variable != nullptr; variable++) {
    const std::string_view text = *variable;
    if (std::ranges::none_of(kDaemons, [&](std::string_view name) { return text.starts_with(name); }))
      kept.push_back(*variable);
  }
  kept.push_back(nullptr);
  return kept;
}

// In the child, between fork() and exec(): only what is safe in a process whose other threads are gone.
[[noreturn]] void become(const OwnCommand& command, char* const* arguments, char* const* environment,
                         const Pipe& output, const Pipe& error, const Pipe& failure, pid_t parent) {
  ::setpgid(0, 0);
  // Of the thread that forked: it waits for us.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(128 + SIGTERM);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGTSTP, SIGINT, SIGHUP}) ::signal(number, SIG_DFL);
  if (command.idle) go_behind_all_others();
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing < 0) ::_exit(127);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output.write.get(), STDOUT_FILENO);
  ::dup2(error.write.get(), STDERR_FILENO);
  // A descriptor of the daemon's that lives on here would keep its flocks.
  ::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
  ::execve(command.program.c_str(), arguments, environment);
  const int reason = errno;
  [[maybe_unused]] const auto told = ::write(failure.write.get(), &reason, sizeof reason);
  ::_exit(127);
}

class Child {
 public:
  explicit Child(const OwnCommand& command) : command_(command) {
    std::vector<std::string> words = {"litewright"};
    words.insert(words.end(), command.words.begin(), command.words.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::vector<char*> environment = own_environment();
    Pipe failure;
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw Error(ErrorCode::kIo, "no process for a command of our own");
    if (pid_ == 0) become(command, arguments.data(), environment.data(), output_, error_, failure, parent);
    ::setpgid(pid_, pid_);  // whoever of us two is first
    output_.write.reset();
    error_.write.reset();
    failure.write.reset();
    int reason = 0;
    if (::read(failure.read.get(), &reason, sizeof reason) == sizeof reason) {
      reap();
      throw Error(ErrorCode::kIo, fmt::format("run {}: {}", command.program, ::strerror(reason)));
    }
    ended_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    for (const int end : {output_.read.get(), error_.read.get()}) ::fcntl(end, F_SETFL, O_NONBLOCK);
  }

  ~Child() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    reap();
  }
  Child(Child&&) = delete;
  Child& operator=(Child&&) = delete;

  OwnCommandResult watch() {
    const Clock::time_point limit = Clock::now() + command_.time_limit;
    int status = 0;
    while (::waitpid(pid_, &status, WNOHANG) != pid_) {
      if (Clock::now() >= limit) end_for(result_.over_time);
      if (command_.stop && command_.stop()) end_for(result_.stopped);
      if (result_.output.size() > command_.most_output) end_for(result_.over_output);
      if (kill_at_ && Clock::now() >= *kill_at_) ::kill(-pid_, SIGKILL);
      sleep_until_needed(limit);
      drain();
    }
    pid_ = 0;
    // What it started may live on and hold the pipes: what is in them now is all that counts.
    drain();
    if (result_.output.size() > command_.most_output) result_.output.resize(command_.most_output);
    result_.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return std::move(result_);
  }

 private:
  void reap() {
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
  }

  void end_for(bool& reason) {
    if (kill_at_) return;
    reason = true;
    const bool hangs = command_.hangs && command_.hangs();
    kill_at_ = Clock::now() +
               (hangs ? std::min(command_.end_within, OwnCommand::kEndHungWithin) : command_.end_within);
    ::kill(pid_, SIGINT);
  }

  void sleep_until_needed(Clock::time_point limit) {
    const Clock::time_point wake = kill_at_.value_or(limit);
    milliseconds sleep = std::chrono::ceil<milliseconds>(wake - Clock::now());
    if (command_.stop && !kill_at_) sleep = std::min(sleep, kAskStop);
    if (kill_at_ && Clock::now() >= *kill_at_) sleep = kAskStop;
    sleep = std::clamp(sleep, milliseconds(1), milliseconds(std::chrono::minutes(1)));
    std::array<pollfd, 3> waiting = {
        {{output_.read.get(), POLLIN, 0}, {error_.read.get(), POLLIN, 0}, {ended_.get(), POLLIN, 0}}};
    if (!ended_) sleep = std::min(sleep, kAskStop);
    ::poll(waiting.data(), waiting.size(), static_cast<int>(sleep.count()));
  }

  void drain() {
    drain(output_.read, [this](std::string_view text) {
      if (command_.line) return tell_lines(text);
      if (result_.output.size() <= command_.most_output) result_.output += text;
    });
    drain(error_.read, [this](std::string_view text) {
      result_.error += text;
      if (result_.error.size() > kErrorKept) result_.error.erase(0, result_.error.size() - kErrorKept);
    });
  }

  void tell_lines(std::string_view text) {
    for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos;
         text.remove_prefix(end + 1)) {
      command_.line(std::exchange(begun_line_, {}).append(text.substr(0, end)));
    }
    begun_line_ += text;
    if (begun_line_.size() > command_.most_output) end_for(result_.over_output);
  }

  // A pipe whose other end is closed is closed here too: poll(2) would not sleep beside it.
  template <class Take>
  static void drain(FileDescriptor& end, const Take& take) {
    std::array<char, 16384> buffer;
    while (end) {
      const ssize_t n = ::read(end.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return end.reset();
      take(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
    }
  }

  const OwnCommand& command_;
  Pipe output_, error_;
  pid_t pid_ = 0;
  FileDescriptor ended_;
  OwnCommandResult result_;
  std::string begun_line_;  // its end is still to come
  std::optional<Clock::time_point> kill_at_;
};

}  // namespace

OwnCommandResult run_own_command(const OwnCommand& command) { return Child(command).watch(); }

}  // namespace litewright
