// litewright prune: restore points that the keep rules let go.
#include <fmt/format.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/keep_options.h"
#include "cli/plain_copies.h"

namespace litewright {
namespace {

int run_prune(const Invocation& invocation) {
  if (const auto folder = named_folder(invocation)) return run_prune_copies(invocation, *folder);
  throw Error(ErrorCode::kUsage,
              fmt::format("{} is no folder of plain copies", invocation.database().display),
              "litewright prune FOLDER --keep-last 10");
}

std::vector<Option> prune_options() {
  std::vector<Option> options = keep_options();
  options.push_back({.name = "dry-run", .help = "say what would go, and touch nothing"});
  for (Option& option : prune_copy_options()) options.push_back(std::move(option));
  return options;
}

}  // namespace

Command prune_command() {
  return with_database(
      {.name = "prune",
       .summary = "forget restore points by rules",
       .description =
           "Of a folder of plain copies: removes those that no rule keeps, each database's judged by "
           "themselves. The newest stays whatever the rules say, and the newest that was verified when it "
           "was made. Files without a record of ours beside them are never touched.",
       .options = prune_options(),
       .examples = {{"litewright prune /backup --keep-last 10 --dry-run", "what would go"},
                    {"litewright prune /backup --keep-daily 7 --keep-weekly 4", "one a day, one a week"},
                    {"litewright prune /backup --max-age 30d --keep-min 3", "none older than 30 days"}},
       .run = run_prune});
}

}  // namespace litewright
