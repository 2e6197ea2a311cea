// The actions of `litewright maintain` that mend what check finds: reindex, orphans.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/time_text.h"
#include "cli/maintain_actions.h"
#include "cli/stop_signal.h"
#include "operate/mend.h"

namespace litewright {
namespace {

using Action = OrphanOptions::Action;

nlohmann::ordered_json document_of(const ArchivePlace& place, const std::string& action,
                                   const std::string& way_back) {
  nlohmann::ordered_json document = maintain_document(place, action);
  document["restore_point"] = way_back;
  return document;
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

std::vector<OrphanOutcome> mend_all(const std::string& path, const Clock& clock,
                                    const std::vector<OrphanKey>& keys, const OrphanOptions& options) {
  std::vector<OrphanOutcome> outcomes;
  Connection connection(path, {.mode = OpenMode::kReadWrite});
  for (const OrphanKey& key : keys) outcomes.push_back(mend_orphans(connection, clock, key, options));
  return outcomes;
}

bool can_be_mended(const OrphanOutcome& outcome) { return outcome.found > outcome.pointed_at; }

std::uint64_t orphans_left(const Invocation& invocation, const std::string& path) {
  const Clock& clock = invocation.session.clock;
  const auto keys = find_orphan_keys(path, clock, invocation.value("table").value_or(""));
  Connection connection(path, {.mode = OpenMode::kReadWrite});
  std::uint64_t left = 0;
  for (const OrphanKey& key : keys) left += mend_orphans(connection, clock, key, {}).found;
  return left;
}

}  // namespace

int run_maintain_reindex(const Invocation& invocation) {
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
  const std::string way_back =
      dry_run || plan.targets.empty() ? "" : maintain_point_before(invocation, "reindex");
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
        reindex(connection, invocation.session.clock, target, maintain_patience(invocation, place),
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

int run_maintain_orphans(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  const Session& session = invocation.session;
  const std::string path = place.database.string();
  const StopSignal stop;
  OrphanOptions options{.action = orphan_action(invocation),
                        .set_aside_table = invocation.value("set-aside").value_or(""),
                        .time = format_utc_time(session.clock.wall()),
                        .patience = maintain_patience(invocation, place),
                        .stop = [&stop] { return stop.requested(); }};
  const auto keys = find_orphan_keys(path, session.clock, invocation.value("table").value_or(""));
  const bool list = options.action == Action::kList;
  options.look_only = true;
  std::vector<OrphanOutcome> outcomes = mend_all(path, session.clock, keys, options);
  std::string way_back;
  if (!list && std::ranges::any_of(outcomes, can_be_mended)) {
    way_back = maintain_point_before(invocation, "orphans");
    options.look_only = false;
    outcomes = mend_all(path, session.clock, keys, options);
  }
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const OrphanOutcome& outcome : outcomes) {
    print_outcome(session.output, outcome, options.action);
    results.push_back(outcome_json(outcome));
  }
  const bool stopped = std::ranges::any_of(outcomes, &OrphanOutcome::stopped);
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

}  // namespace litewright
