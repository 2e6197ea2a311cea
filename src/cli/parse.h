// From words to an Invocation. parse.cc is the only file that includes CLI11.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/nearest.h"
#include "cli/command.h"

namespace litewright {

using CommandTable = std::vector<Command>;

// A command line taken apart, before the command runs.
struct ParsedLine {
  const Command* command = nullptr;  // of the table
  std::map<std::string, std::vector<std::string>> values = {};
};

// `words`: the command line without the program's name. Standard options may stand before the command;
// `--help` and no words at all mean the command `help`, `--version` means `version`, and `CMD --help` is left
// to the caller as the flag "help" (then required positionals may be missing). The table must outlive the
// result. Throws Error{kUsage}; the hint names the nearest command or option.
ParsedLine parse_command_line(const CommandTable& table, std::span<const std::string> words);

// The command of that name. Throws Error{kUsage} with the nearest name as the hint.
const Command& find_command(const CommandTable& table, std::string_view name);

// True if --json or --format json is among the words: for errors before the line is understood, too.
bool asks_for_json(std::span<const std::string> words);

}  // namespace litewright
