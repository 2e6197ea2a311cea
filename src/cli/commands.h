// The table of commands. No registration magic: what is in make_command_table() exists.
#pragma once

#include "cli/command.h"
#include "cli/parse.h"

namespace litewright {

// In the order in which help shows them.
CommandTable make_command_table();

// One function a command, each in the file of its name.
Command backup_command();
Command check_command();
Command completions_command(const CommandTable& table);
Command help_command(const CommandTable& table);
Command locks_command();
Command init_command();
Command log_command();
Command maintain_command();
Command protect_command();
Command prune_command();
Command reset_command();
Command restore_command();
Command runs_command();
Command schema_command();
Command serve_command();
Command sql_command();
Command stats_command();
Command sync_command();
Command tables_command();
Command verify_command();
Command version_command();

}  // namespace litewright
