#include "cli/commands.h"

namespace litewright {

CommandTable make_command_table() {
  CommandTable table;
  table.push_back(protect_command());
  table.push_back(serve_command());
  table.push_back(backup_command());
  table.push_back(log_command());
  table.push_back(restore_command());
  table.push_back(verify_command());
  table.push_back(prune_command());
  table.push_back(sync_command());
  table.push_back(check_command());
  table.push_back(stats_command());
  table.push_back(maintain_command());
  table.push_back(runs_command());
  table.push_back(locks_command());
  table.push_back(tables_command());
  table.push_back(schema_command());
  table.push_back(sql_command());
  table.push_back(reset_command());
  table.push_back(init_command());
  // help and completions speak about the whole table, themselves included: they get a description of
  // everything, in which they can't run.
  table.push_back(help_command({}));
  table.push_back(completions_command({}));
  table.push_back(version_command());
  const CommandTable described = table;
  for (Command& command : table) {
    if (command.name == "help") command = help_command(described);
    if (command.name == "completions") command = completions_command(described);
  }
  return table;
}

}  // namespace litewright
