#include <csignal>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/program.h"

int main(int argc, char** argv) {
  // A reader who goes away must not end `protect` between two commits; Output notices EPIPE by itself.
  std::signal(SIGPIPE, SIG_IGN);
  const litewright::SystemClock clock;
  const litewright::Environment environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  return litewright::run_program(litewright::make_command_table(), words,
                                 {stdout, stderr, clock, environment});
}
