#include <sys/resource.h>

#include <csignal>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/program.h"

namespace {

// A restore has an object of each segment open that it needs, in an archive that nobody compacted thousands:
// what this user may have at most is more than the shell's usual 1024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  // A reader who goes away must not end `protect` between two commits; Output notices EPIPE by itself.
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  const litewright::SystemClock clock;
  const litewright::Environment environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  return litewright::run_program(litewright::make_command_table(), words,
                                 {stdout, stderr, clock, environment});
}
