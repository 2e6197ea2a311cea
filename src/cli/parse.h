// From words to an Invocation. parse.cc is the only file that includes CLI11.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

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

// True if --json is among the words: for errors that occur before the line is understood.
bool asks_for_json(std::span<const std::string> words);

// The candidate that `typed` was probably meant to be: at most a third of its letters, and two at least,
// changed, swapped, missing or too many. Empty if there is none.
std::string nearest(std::string_view typed, const std::vector<std::string>& candidates);

}  // namespace litewright
