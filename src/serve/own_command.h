// Runs a command of Litewright's own in a child process: whatever opens a database besides its guard (checks,
// locks, plans, restores) must not share the daemon's process (FACTS 7), and can be ended there.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace litewright {

struct OwnCommand {
  std::vector<std::string> words = {};  // without "litewright": {"check", "/data/app.db", "--json"}
  std::chrono::milliseconds time_limit = std::chrono::hours(6);
  std::size_t most_output = 16 << 20;  // bytes of stdout that are kept; a command that prints more is ended
  // Hears of each line of stdout as it comes, without its line feed; `output` stays empty then. What it
  // throws ends the command.
  std::function<void(std::string_view)> line = {};
  bool idle = false;                // at the lowest priority of CPU and disk
  std::function<bool()> stop = {};  // asked for ten times a second; true: it is ended
  // Ending it: SIGINT, upon which a command leaves things in order, and SIGKILL after so long, which takes
  // its process group along.
  std::chrono::milliseconds end_within = std::chrono::seconds(30);
  // Asked once when it is to be ended; true: it waits for something that hangs, and can leave nothing in
  // order.
  std::function<bool()> hangs = {};
  static constexpr std::chrono::milliseconds kEndHungWithin = std::chrono::seconds(5);
  std::string program = "/proc/self/exe";  // another one in tests
};

struct OwnCommandResult {
  int status = 0;            // exit status; 128 + N where a signal N ended it
  bool over_time = false;    // ended for its time limit
  bool stopped = false;      // ended because `stop` said so
  bool over_output = false;  // ended because it printed too much
  std::string output = {};   // stdout
  std::string error = {};    // the end of stderr, up to 4 KiB
};

// Waits for it. Usable from every thread, which must live as long as the command. Throws Error{kIo} where no
// process can be had.
using RunOwnCommand = std::function<OwnCommandResult(const OwnCommand&)>;

// With the environment of this process (less the service manager's sockets), /dev/null as stdin, in a process
// group of its own. The command gets SIGTERM when the daemon dies.
OwnCommandResult run_own_command(const OwnCommand& command);

}  // namespace litewright
