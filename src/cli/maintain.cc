// litewright maintain: the commands that mend. The only ones that write to the application's tables.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"
#include "cli/point_before.h"
#include "cli/stop_signal.h"
#include "operate/mend.h"

namespace litewright {
namespace {

using Action = OrphanOptions::Action;

std::string seconds_text(std::chrono::duration<double> seconds) {
  return format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(seconds));
}

WritePatience patience_of(const Invocation& invocation) {
  return {.longest_wait = std::chrono::duration_cast<std::chrono::milliseconds>(
              parse_duration(invocation.value("wait").value_or("30s")))};
}

// Nothing is changed before it is there; says how to go back.
std::string point_before(const Invocation& invocation, const std::string& purpose) {
  if (invocation.flag("no-restore-point")) return "";
  std::string way_back = make_point_before(invocation, purpose);
  invocation.session.output.line("to go back: " + way_back);
  return way_back;
}

nlohmann::ordered_json document_of(const ArchivePlace& place, const std::string& action,
                                   const std::string& way_back) {
  return {{"database", place.display}, {"action", action}, {"restore_point", way_back}};
}

int run_reindex(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  Output& output = invocation.session.output;
  const std::string path = place.database.string();
  ReindexPlan plan;
  {
    Connection reading(path, {.mode = OpenMode::kReadOnly});
    plan = plan_reindex(
        reading, {.name = invocation.value("NAME").value_or(""), .damaged = invocation.flag("damaged")});
  }
  for (const std::string& fault : plan.faults) output.line(fault);
  const bool dry_run = invocation.flag("dry-run");
  const std::string way_back = dry_run || plan.targets.empty() ? "" : point_before(invocation, "reindex");
  nlohmann::ordered_json indexes = nlohmann::ordered_json::array();
  Connection connection(path, {.mode = OpenMode::kReadWrite});
  const StopSignal stop;
  for (const ReindexTarget& target : plan.targets) {
    if (stop.requested())
      throw Error(ErrorCode::kLocked, "stopped; the indexes that are left are as they were", "run it again");
    if (dry_run) {
      output.line(fmt::format("would make index {} of {} anew", target.index, target.table));
      indexes.push_back({{"index", target.index}, {"table", target.table}});
      continue;
    }
    const ReindexOutcome outcome =
        reindex(connection, invocation.session.clock, target, patience_of(invocation),
                [&output](const ReindexTarget& next, std::int64_t rows, std::chrono::duration<double> about) {
                  output.line(fmt::format("index {} of {}: {} rows; writers wait for about {}", next.index,
                                          next.table, rows, seconds_text(about)));
                });
    output.line(fmt::format(
        "index {}: made anew in {} and agrees with its table{}", outcome.index, seconds_text(outcome.seconds),
        outcome.built_beside ? "; the damaged pages of the old one stay unused until VACUUM" : ""));
    indexes.push_back({{"index", outcome.index},
                       {"table", outcome.table},
                       {"rows", outcome.rows},
                       {"seconds", outcome.seconds.count()},
                       {"built_beside", outcome.built_beside}});
  }
  if (plan.targets.empty()) output.line("no index to make anew");
  nlohmann::ordered_json document = document_of(place, "reindex", way_back);
  document["dry_run"] = dry_run;
  document["faults"] = plan.faults;
  document["indexes"] = std::move(indexes);
  output.document(document);
  return 0;
}

Action orphan_action(const Invocation& invocation) {
  std::vector<Action> given;
  if (invocation.flag("delete")) given.push_back(Action::kDelete);
  if (invocation.flag("null")) given.push_back(Action::kNull);
  if (invocation.value("set-aside")) given.push_back(Action::kSetAside);
  if (given.size() > 1) {
    throw Error(ErrorCode::kUsage, "--delete, --null and --set-aside exclude each other",
                "litewright help maintain");
  }
  if (!given.empty() && given[0] == Action::kSetAside && !invocation.value("table")) {
    throw Error(ErrorCode::kUsage, "--set-aside needs --table: rows of one table fit into one",
                "which tables have orphans: litewright maintain DB orphans");
  }
  return given.empty() || invocation.flag("dry-run") ? Action::kList : given[0];
}

void print_outcome(Output& output, const OrphanOutcome& outcome, Action action) {
  std::string line = fmt::format("{}({}) -> {}: {} rows point at nothing", outcome.table, outcome.columns,
                                 outcome.parent, outcome.found);
  if (!outcome.rows.empty()) {
    line += fmt::format(" ({}{})", fmt::join(outcome.rows, ", "),
                        outcome.found > outcome.rows.size() ? ", …" : "");
  }
  output.line(line);
  if (action == Action::kDelete) output.line(fmt::format("  {} deleted", outcome.mended));
  if (action == Action::kNull) output.line(fmt::format("  {} set to NULL", outcome.mended));
  if (action == Action::kSetAside) output.line(fmt::format("  {} set aside", outcome.mended));
  if (outcome.pointed_at > 0) {
    output.line(fmt::format("  {} {}: other rows point at them; --null keeps them, without a parent",
                            outcome.pointed_at,
                            action == Action::kList ? "would be left by --delete" : "left"));
  }
  if (outcome.gone > 0) output.line(fmt::format("  {} were mended by others meanwhile", outcome.gone));
}

nlohmann::ordered_json outcome_json(const OrphanOutcome& outcome) {
  return {{"table", outcome.table},
          {"columns", outcome.columns},
          {"parent", outcome.parent},
          {"found", outcome.found},
          {"pointed_at", outcome.pointed_at},
          {"mended", outcome.mended},
          {"gone", outcome.gone},
          {"rows", outcome.rows}};
}

std::uint64_t orphans_left(const Invocation& invocation, const std::string& path) {
  const Clock& clock = invocation.session.clock;
  const auto keys = find_orphan_keys(path, clock, invocation.value("table").value_or(""));
  Connection connection(path, {.mode = OpenMode::kReadWrite});
  std::uint64_t left = 0;
  for (const OrphanKey& key : keys) left += mend_orphans(connection, clock, key, {}).found;
  return left;
}

int run_orphans(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  const Session& session = invocation.session;
  const std::string path = place.database.string();
  const StopSignal stop;
  OrphanOptions options{.action = orphan_action(invocation),
                        .set_aside_table = invocation.value("set-aside").value_or(""),
                        .time = format_utc_time(session.clock.wall()),
                        .patience = patience_of(invocation),
                        .stop = [&stop] { return stop.requested(); }};
  const auto keys = find_orphan_keys(path, session.clock, invocation.value("table").value_or(""));
  const bool list = options.action == Action::kList;
  const std::string way_back = list || keys.empty() ? "" : point_before(invocation, "orphans");
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  bool stopped = false;
  {
    Connection connection(path, {.mode = OpenMode::kReadWrite});
    for (const OrphanKey& key : keys) {
      const OrphanOutcome outcome = mend_orphans(connection, session.clock, key, options);
      print_outcome(session.output, outcome, options.action);
      results.push_back(outcome_json(outcome));
      stopped |= outcome.stopped;
    }
  }
  if (keys.empty()) session.output.line("every row's parent exists");
  const std::uint64_t left = list || keys.empty() ? 0 : orphans_left(invocation, path);
  if (left > 0) session.output.line(fmt::format("{} rows still point at nothing", left));
  if (list && !keys.empty()) {
    session.output.line("nothing was changed: --delete, --null or --set-aside TABLE mends them");
  }
  nlohmann::ordered_json document = document_of(place, "orphans", way_back);
  document["dry_run"] = list;
  document["keys"] = std::move(results);
  document["left"] = left;
  session.output.document(document);
  if (stopped) throw Error(ErrorCode::kLocked, "stopped between two batches", "run it again: it goes on");
  return left > 0 ? 1 : 0;
}

int run_maintain(const Invocation& invocation) {
  if (invocation.value("ACTION") == "reindex") return run_reindex(invocation);
  if (invocation.value("NAME")) {
    throw Error(ErrorCode::kUsage, "orphans takes no name",
                "one table's: --table " + *invocation.value("NAME"));
  }
  return run_orphans(invocation);
}

}  // namespace

Command maintain_command() {
  Command command = with_database(
      {.name = "maintain",
       .summary = "mend what check finds: indexes that disagree, rows that point at nothing",
       .description =
           "reindex makes indexes anew from their tables' rows: the one named, those of the table named, or "
           "all; "
           "with --damaged those alone of which PRAGMA integrity_check complains. Each is one transaction: "
           "readers go on, writers wait, for about as long as it says first.\n\n"
           "orphans lists the rows whose foreign keys point at nothing; --delete, --null and --set-aside "
           "mend "
           "them, in batches that keep writers out for milliseconds. foreign_keys is OFF meanwhile, so that "
           "nothing cascades to rows that were not listed; a row that others point at is left by --delete "
           "and "
           "--set-aside. The application's triggers run.\n\n"
           "Before anything is changed a point to go back to is made: in the archive where there is one, "
           "else a "
           "plain copy beside the database.",
       .options = {{.name = "damaged", .help = "reindex: only what PRAGMA integrity_check complains of"},
                   {.name = "table", .value = "TABLE", .help = "orphans: of this table alone"},
                   {.name = "delete", .help = "orphans: delete them"},
                   {.name = "null", .help = "orphans: set the columns that point at nothing to NULL"},
                   {.name = "set-aside",
                    .value = "TABLE",
                    .help = "orphans: move them to this table, which is made where it does not exist"},
                   {.name = "dry-run", .help = "say what would be done, change nothing"},
                   {.name = "wait",
                    .value = "TIME",
                    .help = "how long to wait for the write lock (default 30s)"},
                   {.name = "no-restore-point", .help = "make no point to go back to"}},
       .examples = {{"litewright maintain app.db orphans", "which rows point at nothing"},
                    {"litewright maintain app.db orphans --table orders --set-aside lost_orders",
                     "move them out of the way, keep them"},
                    {"litewright maintain app.db reindex --damaged", "make damaged indexes anew"}},
       .exit_statuses = {{1, "orphans: some are left, because other rows point at them"},
                         {65, "reindex: rows forbid it, or the table itself is damaged"},
                         {75, "the write lock could not be had in time, or it was stopped: run it again"}},
       .run = run_maintain});
  command.positionals.push_back({.name = "ACTION", .help = "what to do", .choices = {"reindex", "orphans"}});
  command.positionals.push_back({.name = "NAME",
                                 .help = "reindex: an index or a table (default: all)",
                                 .count = Positional::Count::kOptional});
  return command;
}

}  // namespace litewright
