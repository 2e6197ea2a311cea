// The table of commands. No registration magic: what is in make_command_table() exists.
#pragma once

#include "cli/command.h"
#include "cli/parse.h"

namespace litewright {

// In the order in which help shows them.
CommandTable make_command_table();

// One function a command, each in the file of its name.
Command completions_command(const CommandTable& table);
Command help_command(const CommandTable& table);
Command version_command();

}  // namespace litewright
