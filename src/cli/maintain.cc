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
#include "config/configuration.h"
#include "operate/in_the_way_linux.h"
#include "operate/maintenance_plan.h"

namespace litewright {
namespace {

struct Action {
  const char* name;
  int (*run)(const Invocation&);
  const char* takes;  // what its NAME is; null: it takes none
};

constexpr std::array kActions = {
    Action{"hourly", run_maintain_plan, nullptr},
    Action{"daily", run_maintain_plan, nullptr},
    Action{"weekly", run_maintain_plan, nullptr},
    Action{"monthly", run_maintain_plan, nullptr},
    Action{"checkpoint", run_maintain_checkpoint, nullptr},
    Action{"analyze", run_maintain_analyze, "a table"},
    Action{"optimize", run_maintain_optimize, nullptr},
    Action{"vacuum", run_maintain_vacuum, nullptr},
    Action{"reindex", run_maintain_reindex, "an index or a table"},
    Action{"orphans", run_maintain_orphans, nullptr},
    Action{"rows", run_maintain_rows, "archive"},
    Action{"copies", run_maintain_copies, "a folder"},
};

int run_maintain(const Invocation& invocation) {
  const std::string named = invocation.value("ACTION").value_or("");
  const auto* action = std::ranges::find(kActions, named, &Action::name);
  if (action->takes == nullptr && invocation.value("NAME")) {
    throw Error(ErrorCode::kUsage, fmt::format("{} takes no name", named),
                named == "orphans" ? "one table's: --table " + *invocation.value("NAME")
                                   : "litewright help maintain");
  }
  if (named != "rows" && invocation.value("TABLE")) {
    throw Error(ErrorCode::kUsage, fmt::format("unexpected '{}'", *invocation.value("TABLE")),
                "litewright help maintain");
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
      {.name = "column", .value = "C", .help = "rows: the column that says how old a row is"},
      {.name = "older-than", .value = "AGE", .help = "rows, copies: 90d, 2w (copies: default 30d)"},
      {.name = "before", .value = "TIME", .help = "rows: older than that time instead"},
      {.name = "into",
       .value = "TABLE",
       .help = "rows: the table that they go to (default TABLE_archive; in another database TABLE)"},
      {.name = "to",
       .value = "FILE",
       .help = "rows: another database (.db, .db3, .sqlite, .sqlite3, or no ending), FILE.csv or "
               "FILE.csv.zst; copies: the folder they go to"},
      {.name = "run-triggers", .help = "rows: although the table's triggers delete rows of other tables"},
      {.name = "run",
       .value = "ID",
       .help = "plans: the row of the run history that serve made for this run"},
      {.name = "config", .value = "FILE", .help = "litewright.toml (default ./, then /etc/litewright/)"},
      {.name = "dry-run",
       .help = "all but checkpoint, analyze, optimize: say what would be done, change nothing"},
      {.name = "wait", .value = "TIME", .help = "how long to wait for a lock (default 30s; checkpoint 10s)"},
      {.name = "no-restore-point", .help = "reindex, orphans, rows: make no point to go back to"}};
}

}  // namespace

bool in_busy_hours(const Invocation& invocation, const ArchivePlace& place) {
  const Configuration configuration = find_configuration(invocation.value("config"));
  const DatabaseSettings* settings = configuration.of(place.database);
  constexpr std::size_t kClockAt = 11;  // of "2026-11-20 14:03:05"
  return settings != nullptr &&
         within_hours(settings->busy_hours,
                      format_local_time(invocation.session.clock.wall()).substr(kClockAt, 5));
}

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
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  {
    // Whoever keeps writers out now would let nothing be changed: then the point would be for nothing.
    Connection connection(place.database.string(), {.mode = OpenMode::kReadWrite});
    const WriteTurn turn(connection, invocation.session.clock, maintain_patience(invocation, place));
  }
  std::string way_back = make_point_before(invocation, purpose);
  invocation.session.output.line("to go back: " + way_back);
  return way_back;
}

constexpr const char* kAbout =
    "checkpoint copies the WAL back into the database. passive never keeps anybody waiting; full takes "
    "all of it, restart lets the next commit begin the WAL anew, truncate cuts its file to nothing. Most "
    "is done with writers running; for the last they wait some milliseconds. Beside protect it is protect "
    "that does it. Who stood in the way is named.\n\n"
    "analyze renews the query planner's statistics, of all tables or the one named; optimize only those "
    "that need it. Both say what changed in sqlite_stat1.\n\n"
    "vacuum gives free pages back to the file system: by incremental steps where the database has "
    "auto_vacuum, else with VACUUM, which keeps writers out: how long is said first, and it is refused "
    "without the room on disk or while the database is busy.\n\n"
    "reindex makes indexes anew from their tables' rows: the one named, those of the table named, or all; "
    "with --damaged those alone of which PRAGMA integrity_check complains. Each is one transaction: "
    "readers go on, writers wait, for about as long as it says first.\n\n"
    "orphans lists the rows whose foreign keys point at nothing; --delete, --null and --set-aside mend "
    "them, in batches that keep writers out for milliseconds. foreign_keys is OFF meanwhile, so that "
    "nothing cascades to rows that were not listed; a row that others point at is left by --delete and "
    "--set-aside. The application's triggers run.\n\n"
    "rows archive TABLE moves rows that are older than a cutoff out of it: to a table beside it, to "
    "another database, or to a CSV file. In batches, each copied, made durable, read back, and only then "
    "deleted; interrupted, it goes on where it was. Rows that others point at stay. A table whose "
    "triggers delete rows is refused without --run-triggers: no copy of those rows is made.\n\n"
    "copies FOLDER moves plain copies that are older to a folder on cheaper storage, one below it a "
    "month; each is read back there before it goes here.\n\n"
    "hourly, daily, weekly and monthly run the plans: checkpoint, statistics, checks, backup, verify, "
    "VACUUM where it is worth it, with what was before and after each step. --dry-run prints their "
    "command lines. litewright runs shows what was run.\n\n"
    "Before reindex, orphans and rows change anything a point to go back to is made: in the archive where "
    "there is one, else a plain copy beside the database.";

Command maintain_command() {
  std::vector<std::string> names;
  for (const Action& action : kActions) names.emplace_back(action.name);
  Command command = with_database(
      {.name = "maintain",
       .summary = "keep a database fit, and mend what check finds",
       .description = kAbout,
       .options = maintain_options(),
       .examples =
           {{"litewright maintain app.db daily", "the daily plan, as from cron"},
            {"litewright maintain app.db checkpoint --mode truncate", "the WAL has grown: empty it"},
            {"litewright maintain app.db analyze", "fresh statistics for all tables, in moments"},
            {"litewright maintain app.db vacuum --dry-run", "how much is free, what it would take"},
            {"litewright maintain app.db vacuum --auto-vacuum incremental",
             "once; afterwards vacuum works in small steps"},
            {"litewright maintain app.db orphans", "which rows point at nothing"},
            {"litewright maintain app.db orphans --table orders --set-aside lost_orders",
             "move them out of the way, keep them"},
            {"litewright maintain app.db reindex --damaged", "make damaged indexes anew"},
            {"litewright maintain app.db rows archive orders --column shipped_at --older-than 365d --to "
             "orders-old.csv.zst",
             "last year's rows into a file"}},
       .exit_statuses = {{1, "plans: warnings; orphans: some are left, because other rows point at them"},
                         {2, "plans: critical findings"},
                         {65, "reindex: rows forbid it, or the table itself is damaged"},
                         {73, "rows: the folder of --to does not exist"},
                         {74, "vacuum: the disk has not the room for it"},
                         {75, "somebody is in the way, or it was stopped: run it again"}},
       .run = run_maintain});
  command.positionals.push_back({.name = "ACTION", .help = "what to do", .choices = std::move(names)});
  command.positionals.push_back(
      {.name = "NAME",
       .help = "analyze: a table; reindex: an index or a table (default: all); rows: archive; "
               "copies: a folder of plain copies",
       .count = Positional::Count::kOptional});
  command.positionals.push_back(
      {.name = "TABLE", .help = "rows archive: whose rows", .count = Positional::Count::kOptional});
  return command;
}

}  // namespace litewright
