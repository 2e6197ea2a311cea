// litewright maintain: keeps a database fit, and mends it. The only commands that write to the application's
// database.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/maintain_actions.h"
#include "cli/point_before.h"
#include "operate/in_the_way_linux.h"

namespace litewright {
namespace {

struct Action {
  const char* name;
  int (*run)(const Invocation&);
  const char* takes;  // what its NAME is; null: it takes none
};

constexpr std::array kActions = {
    Action{"checkpoint", run_maintain_checkpoint, nullptr},
    Action{"analyze", run_maintain_analyze, "a table"},
    Action{"optimize", run_maintain_optimize, nullptr},
    Action{"vacuum", run_maintain_vacuum, nullptr},
    Action{"reindex", run_maintain_reindex, "an index or a table"},
    Action{"orphans", run_maintain_orphans, nullptr},
};

int run_maintain(const Invocation& invocation) {
  const std::string named = invocation.value("ACTION").value_or("");
  const auto* action = std::ranges::find(kActions, named, &Action::name);
  if (action->takes == nullptr && invocation.value("NAME")) {
    throw Error(ErrorCode::kUsage, fmt::format("{} takes no name", named),
                named == "orphans" ? "one table's: --table " + *invocation.value("NAME")
                                   : "litewright help maintain");
  }
  return action->run(invocation);
}

std::vector<Option> maintain_options() {
  return {
      {.name = "mode",
       .value = "MODE",
       .help = "checkpoint: how far it goes (default passive)",
       .choices = {"passive", "full", "restart", "truncate"}},
      {.name = "limit",
       .value = "N",
       .help = "analyze, optimize: entries read of each index (default 1000; 0: all)"},
      {.name = "if-free-above",
       .value = "SHARE",
       .help = "vacuum: only above that share of free pages (default 25%)"},
      {.name = "auto-vacuum",
       .value = "MODE",
       .help = "vacuum: switch to it; incremental gives pages back in small steps from then on",
       .choices = {"none", "full", "incremental"}},
      {.name = "force", .help = "vacuum: although the database is busy"},
      {.name = "damaged", .help = "reindex: only what PRAGMA integrity_check complains of"},
      {.name = "table", .value = "TABLE", .help = "orphans: of this table alone"},
      {.name = "delete", .help = "orphans: delete them"},
      {.name = "null", .help = "orphans: set the columns that point at nothing to NULL"},
      {.name = "set-aside",
       .value = "TABLE",
       .help = "orphans: move them to this table, which is made where it does not exist"},
      {.name = "dry-run", .help = "vacuum, reindex, orphans: say what would be done, change nothing"},
      {.name = "wait", .value = "TIME", .help = "how long to wait for a lock (default 30s; checkpoint 10s)"},
      {.name = "no-restore-point", .help = "reindex, orphans: make no point to go back to"}};
}

}  // namespace

std::string seconds_text(std::chrono::duration<double> seconds) {
  return format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(seconds));
}

WritePatience maintain_patience(const Invocation& invocation, const ArchivePlace& place) {
  return {.longest_wait = std::chrono::duration_cast<std::chrono::milliseconds>(
              parse_duration(invocation.value("wait").value_or("30s"))),
          .who = asks_who_is_in_the_way(place.database.string(), place.display, LockWish::kWrite)};
}

nlohmann::ordered_json maintain_document(const ArchivePlace& place, const std::string& action) {
  return {{"database", place.display}, {"action", action}};
}

std::string maintain_point_before(const Invocation& invocation, const std::string& purpose) {
  if (invocation.flag("no-restore-point")) return "";
  std::string way_back = make_point_before(invocation, purpose);
  invocation.session.output.line("to go back: " + way_back);
  return way_back;
}

Command maintain_command() {
  std::vector<std::string> names;
  for (const Action& action : kActions) names.emplace_back(action.name);
  Command command = with_database(
      {.name = "maintain",
       .summary = "keep a database fit, and mend what check finds",
       .description =
           "checkpoint copies the WAL back into the database. passive never keeps anybody waiting; full "
           "takes "
           "all of it, restart lets the next commit begin the WAL anew, truncate cuts its file to nothing. "
           "Most is done with writers running; for the last they wait some milliseconds. Beside protect it "
           "is "
           "protect that does it. Who stood in the way is named.\n\n"
           "analyze renews the query planner's statistics, of all tables or the one named; optimize only "
           "those that need it. Both say what changed in sqlite_stat1.\n\n"
           "vacuum gives free pages back to the file system: by incremental steps where the database has "
           "auto_vacuum, else with VACUUM, which keeps writers out: how long is said first, and it is "
           "refused "
           "without the room on disk or while the database is busy.\n\n"
           "reindex makes indexes anew from their tables' rows: the one named, those of the table named, or "
           "all; with --damaged those alone of which PRAGMA integrity_check complains. Each is one "
           "transaction: readers go on, writers wait, for about as long as it says first.\n\n"
           "orphans lists the rows whose foreign keys point at nothing; --delete, --null and --set-aside "
           "mend "
           "them, in batches that keep writers out for milliseconds. foreign_keys is OFF meanwhile, so that "
           "nothing cascades to rows that were not listed; a row that others point at is left by --delete "
           "and "
           "--set-aside. The application's triggers run.\n\n"
           "Before reindex and orphans change anything a point to go back to is made: in the archive where "
           "there is one, else a plain copy beside the database.",
       .options = maintain_options(),
       .examples = {{"litewright maintain app.db checkpoint --mode truncate", "the WAL has grown: empty it"},
                    {"litewright maintain app.db analyze", "fresh statistics for all tables, in moments"},
                    {"litewright maintain app.db vacuum --dry-run", "how much is free, what it would take"},
                    {"litewright maintain app.db vacuum --auto-vacuum incremental",
                     "once; afterwards vacuum works in small steps"},
                    {"litewright maintain app.db orphans", "which rows point at nothing"},
                    {"litewright maintain app.db orphans --table orders --set-aside lost_orders",
                     "move them out of the way, keep them"},
                    {"litewright maintain app.db reindex --damaged", "make damaged indexes anew"}},
       .exit_statuses = {{1, "orphans: some are left, because other rows point at them"},
                         {65, "reindex: rows forbid it, or the table itself is damaged"},
                         {74, "vacuum: the disk has not the room for it"},
                         {75, "somebody is in the way, or it was stopped: run it again"}},
       .run = run_maintain});
  command.positionals.push_back({.name = "ACTION", .help = "what to do", .choices = std::move(names)});
  command.positionals.push_back({.name = "NAME",
                                 .help = "analyze: a table; reindex: an index or a table (default: all)",
                                 .count = Positional::Count::kOptional});
  return command;
}

}  // namespace litewright
