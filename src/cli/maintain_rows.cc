// `litewright maintain DB rows archive TABLE`: rows older than a cutoff go elsewhere.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/time_text.h"
#include "cli/maintain_actions.h"
#include "cli/stop_signal.h"
#include "operate/archive_rows.h"
#include "operate/row_target.h"

namespace litewright {
namespace {

WallTime wanted_cutoff(const Invocation& invocation) {
  const auto age = invocation.value("older-than");
  const auto before = invocation.value("before");
  if (age.has_value() == before.has_value()) {
    throw Error(ErrorCode::kUsage, "rows archive needs --older-than AGE or --before TIME, one of them",
                "--older-than 90d");
  }
  const WallTime now = invocation.session.clock.wall();
  return age ? now - parse_duration(*age) : parse_time(*before, now);
}

std::string wanted(const Invocation& invocation, const char* option, const char* example) {
  if (const auto value = invocation.value(option)) return *value;
  throw Error(ErrorCode::kUsage, fmt::format("rows archive needs --{}", option), example);
}

// Both zones: a cutoff is meant in one of them, and the column's times are UTC where they name none.
std::string in_both_zones(WallTime time) {
  constexpr std::size_t kToSeconds = 19;  // of "2026-11-20T13:03:05.000000000Z"
  return fmt::format("{} ({}Z)", format_local_time(time), format_utc_time(time).substr(0, kToSeconds));
}

void print_outcome(Output& output, const RowArchiveOutcome& outcome, const RowArchiveRequest& request,
                   const std::string& table, const std::string& where) {
  const bool dry_run = request.dry_run;
  std::string span;
  if (outcome.oldest) {
    span = fmt::format(", from {} to {}", in_both_zones(*outcome.oldest), in_both_zones(*outcome.newest));
  }
  output.line(fmt::format("{}: older than {}: {} of {} rows{}", table, in_both_zones(request.cutoff),
                          outcome.found, outcome.rows, span));
  output.line(fmt::format("  {} {} to {}", dry_run ? outcome.found - outcome.pointed_at : outcome.archived,
                          dry_run ? "would go" : "went", where));
  if (outcome.pointed_at > 0)
    output.line(
        fmt::format("  {} stay: rows of other tables, or younger ones, point at them", outcome.pointed_at));
  if (outcome.unreadable > 0)
    output.line(fmt::format("  {} stay: their time is not understood", outcome.unreadable));
  if (outcome.trigger_changes > 0)
    output.line(fmt::format("  triggers changed {} other rows", outcome.trigger_changes));
  if (outcome.taken_back > 0) output.line("  an interrupted batch was taken back and done anew");
  if (outcome.maybe_twice > 0) {
    output.line(fmt::format("  {} rows of an interrupted batch were kept in {}: they may be there twice",
                            outcome.maybe_twice, where));
  }
}

nlohmann::ordered_json time_or_null(std::optional<WallTime> time) {
  if (!time) return nullptr;
  return format_utc_time(*time);
}

RowArchiveOutcome run_once(const Session& session, const std::string& database, const RowTable& table,
                           const RowArchiveRequest& request) {
  Connection connection(database, {.mode = OpenMode::kReadWrite});
  return archive_rows(connection, session.clock, table, request);
}

// A batch in `file` whose deletion nobody confirmed is settled though no row has to go.
bool has_work(const RowArchiveOutcome& looked, RowStore* store) {
  return looked.found > looked.pointed_at || (store != nullptr && store->interrupted());
}

}  // namespace

int run_maintain_rows(const Invocation& invocation) {
  if (invocation.value("NAME") != "archive" || !invocation.value("TABLE")) {
    throw Error(ErrorCode::kUsage, "rows has one verb: rows archive TABLE",
                "litewright maintain DB rows archive TABLE --column C --older-than 90d");
  }
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  const Session& session = invocation.session;
  const std::string path = place.database.string();
  const RowTable table = find_row_table(path, *invocation.value("TABLE"));
  const StopSignal stop;
  RowArchiveRequest request{.column = wanted(invocation, "column", "the column that says how old a row is"),
                            .cutoff = wanted_cutoff(invocation),
                            .time = format_utc_time(session.clock.wall()),
                            .dry_run = invocation.flag("dry-run"),
                            .run_triggers = invocation.flag("run-triggers"),
                            .patience = maintain_patience(invocation, place),
                            .stop = [&stop] { return stop.requested(); }};
  const auto file = invocation.value("to");
  std::string where = file.value_or("");
  if (file) row_target(*file, path);
  if (!file)
    where = request.same_database_table = invocation.value("into").value_or(table.table + "_archive");
  const bool dry_run = request.dry_run;
  request.dry_run = true;
  RowArchiveOutcome outcome = run_once(session, path, table, request);
  request.dry_run = dry_run;
  std::unique_ptr<RowStore> store;
  if (file && !dry_run && (has_work(outcome, nullptr) || std::filesystem::exists(*file))) {
    store = open_row_store({.file = *file,
                            .table = invocation.value("into").value_or(""),
                            .database = path,
                            .time = request.time,
                            .longest_wait = request.patience.longest_wait,
                            .stop = request.stop},
                           table, session.clock);
    request.store = store.get();
  }
  std::string way_back;
  if (!dry_run && has_work(outcome, store.get())) {
    way_back = maintain_point_before(invocation, "rows");
    outcome = run_once(session, path, table, request);
  }
  print_outcome(session.output, outcome, request, table.table, where);
  nlohmann::ordered_json document = maintain_document(place, "rows");
  document["restore_point"] = way_back;
  document["dry_run"] = request.dry_run;
  document["table"] = table.table;
  document["column"] = request.column;
  document["cutoff"] = format_utc_time(request.cutoff);
  document["to"] = where;
  document["rows"] = outcome.rows;
  document["found"] = outcome.found;
  document["oldest"] = time_or_null(outcome.oldest);
  document["newest"] = time_or_null(outcome.newest);
  document["archived"] = outcome.archived;
  document["pointed_at"] = outcome.pointed_at;
  document["unreadable"] = outcome.unreadable;
  document["trigger_changes"] = outcome.trigger_changes;
  document["taken_back"] = outcome.taken_back;
  document["maybe_twice"] = outcome.maybe_twice;
  document["longest_writers_out_seconds"] = outcome.longest_out.count();
  session.output.document(document);
  if (outcome.stopped)
    throw Error(ErrorCode::kLocked, "stopped between two batches", "run it again: it goes on");
  return 0;
}

}  // namespace litewright
