#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/time_text.h"
#include "operate/service_command.h"

extern char** environ;

namespace litewright {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{20};

struct Spawned {
  pid_t pid = 0;
  bool has_group = false;
  void send(int signal) const { ::kill(has_group ? -pid : pid, signal); }
};

std::optional<Spawned> spawn(const std::string& shell) {
  std::string name = "sh", flag = "-c", command = shell;
  char* arguments[] = {name.data(), flag.data(), command.data(), nullptr};
  Spawned child{.has_group = ::isatty(STDIN_FILENO) == 0};
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  if (child.has_group) ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int failure = ::posix_spawnp(&child.pid, "sh", nullptr, &attributes, arguments, environ);
  ::posix_spawnattr_destroy(&attributes);
  if (failure != 0) return std::nullopt;
  return child;
}

StepOutcome failed(std::string error) {
  return {.status = static_cast<int>(ErrorCode::kIo), .error = std::move(error)};
}

}  // namespace

ServiceCommand stop_command(std::string shell, std::function<bool()> told_to_end) {
  return {.shell = std::move(shell), .told_to_end = std::move(told_to_end)};
}

ServiceCommand start_command(std::string shell, std::function<bool()> told_to_end) {
  return {.shell = std::move(shell),
          .told_to_end = std::move(told_to_end),
          .then = ServiceCommand::TooLong::kLeave,
          .patience = std::chrono::seconds(60)};
}

StepOutcome run_service_command(const ServiceCommand& command) {
  const auto child = spawn(command.shell);
  if (!child) return failed(fmt::format("can't run {}", command.shell));
  std::optional<Steady::time_point> limit;
  bool ended = false;
  int status = 0;
  while (::waitpid(child->pid, &status, WNOHANG) != child->pid) {
    if (!limit && command.told_to_end()) limit = Steady::now() + command.patience;
    if (limit && Steady::now() >= *limit) {
      if (command.then == ServiceCommand::TooLong::kLeave)
        return failed(fmt::format("{} has not ended within {}, and goes on by itself", command.shell,
                                  format_duration(command.patience)));
      child->send(ended ? SIGKILL : SIGTERM);
      ended = true;
      *limit += command.kill_after;
    }
    std::this_thread::sleep_for(kLook);
  }
  if (ended)
    return failed(fmt::format("{} was ended, {} after the plan was told to end", command.shell,
                              format_duration(command.patience)));
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (code == 0) return {.summary = command.shell};
  return failed(fmt::format("{} ended with {}", command.shell, code));
}

}  // namespace litewright
