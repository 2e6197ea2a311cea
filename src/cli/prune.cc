// litewright prune: restore points that the keep rules let go.
#include "cli/commands.h"
#include "cli/keep_options.h"
#include "cli/plain_copies.h"
#include "cli/prune_archive.h"

namespace litewright {
namespace {

int run_prune(const Invocation& invocation) {
  if (const auto folder = named_folder(invocation)) return run_prune_copies(invocation, *folder);
  return run_prune_archive(invocation);
}

std::vector<Option> prune_options() {
  std::vector<Option> options = keep_options();
  options.push_back({.name = "dry-run", .help = "say what would go, and touch nothing"});
  options.push_back(
      {.name = "points", .help = "of an archive: list each point that stays, and by which rule"});
  options.push_back({.name = "config",
                     .value = "FILE",
                     .help = "litewright.toml, whose keep rules hold where none is given (default ./, then "
                             "/etc/litewright/)"});
  for (Option& option : prune_copy_options()) options.push_back(std::move(option));
  return options;
}

}  // namespace

Command prune_command() {
  return with_database(
      {.name = "prune",
       .summary = "forget restore points by rules",
       .description =
           "Of an archive: keeps the restore points that the rules name, and what it takes to restore them; "
           "all others can no longer be restored. Without a rule those that litewright.toml has for it, "
           "else: every commit for 24 hours, one a minute "
           "for "
           "7 days, one an hour for 30 days, one a day for a year, as a running archiver (litewright "
           "protect) "
           "does by itself. Points named by hand, the newest, and the newest that was proven always stay. "
           "Nothing is deleted before what replaces it is durable and was read back; a running archiver does "
           "it beside its work.\n\n"
           "Of a folder of plain copies: removes those that no rule keeps, each database's judged by "
           "themselves. The newest stays whatever the rules say, and the newest that was verified when it "
           "was made. Files without a record of ours beside them are never touched.",
       .options = prune_options(),
       .examples = {{"litewright prune app.db --dry-run", "what the default rules would let go"},
                    {"litewright prune app.db --keep-within 7d --keep-daily 90", "a week whole, then days"},
                    {"litewright prune app.db --max-bytes 20GB", "the oldest go till the rest fits"},
                    {"litewright prune /backup --keep-last 10 --dry-run", "what would go"},
                    {"litewright prune /backup --keep-daily 7 --keep-weekly 4", "one a day, one a week"},
                    {"litewright prune /backup --max-age 30d --keep-min 3", "none older than 30 days"}},
       .exit_statuses = {{1, "what must stay is larger than --max-bytes, or something was left as it is"},
                         {65, "the archive is damaged: nothing was judged"}},
       .run = run_prune});
}

}  // namespace litewright
