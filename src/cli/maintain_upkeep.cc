// The actions of `litewright maintain` that keep a database fit: checkpoint, analyze, optimize, vacuum.
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "archive/owner.h"
#include "base/error.h"
#include "base/self_end_timer_linux.h"
#include "base/time_text.h"
#include "cli/maintain_actions.h"
#include "cli/stop_signal.h"
#include "maintain/checkpoint.h"
#include "maintain/statistics.h"
#include "maintain/vacuum.h"
#include "operate/followable.h"
#include "operate/in_the_way_linux.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestGate{5000};  // stopped in it we would keep writers out for ever
constexpr int kLocked = static_cast<int>(ErrorCode::kLocked);

// checkpoint

WalState wal_of(const nlohmann::json& json) {
  return {.bytes = json.value("bytes", std::uint64_t{0}),
          .frames = json.value("frames", 0U),
          .backfilled = json.value("backfilled", 0U)};
}

// Protect has its pins in the WAL, and the gate: it does the steps itself.
CheckpointReport ask_owner(OwnerClient& owner, const CheckpointRequest& request, const Clock& clock) {
  const SteadyTime began = clock.steady();
  const nlohmann::json answer = owner.ask({{"op", "checkpoint"},
                                           {"mode", std::string(mode_name(request.mode))},
                                           {"timeout_ms", request.patience.count()}},
                                          request.patience + std::chrono::seconds(5));
  CheckpointReport report{.complete = answer.value("complete", false),
                          .by_reader = true,
                          .before = wal_of(answer.at("before")),
                          .after = wal_of(answer.at("after"))};
  report.copied = copied_frames(report.before, report.after);
  report.longest_out = std::chrono::duration<double, std::milli>(answer.value("longest_gate_ms", 0.0));
  report.seconds = clock.steady() - began;
  return report;
}

nlohmann::ordered_json wal_json(const WalState& wal) {
  return {{"bytes", wal.bytes}, {"frames", wal.frames}, {"backfilled", wal.backfilled}};
}

std::string wal_text(const WalState& wal) {
  return fmt::format("{} pages in the WAL, {} of them copied back, the file has {}", wal.frames,
                     wal.backfilled, format_size(wal.bytes));
}

LockWish wish_of(CheckpointMode mode, bool by_reader) {
  if (!by_reader) return LockWish::kRestartWal;
  return mode == CheckpointMode::kPassive || mode == CheckpointMode::kFull ? LockWish::kCheckpoint
                                                                           : LockWish::kRestartWal;
}

CheckpointReport run_checkpoint(const Invocation& invocation, const ArchivePlace& place,
                                CheckpointRequest request, std::optional<OwnerClient>& owner) {
  const Clock& clock = invocation.session.clock;
  // An owner that compares has no WAL to do anything with, and would be waited for.
  if (owner && !is_in_wal_mode(place.database)) return {.has_wal = false, .complete = true};
  if (owner) return ask_owner(*owner, request, clock);
  SelfEndTimer last_resort;
  request.gate = [&last_resort](bool inside) { last_resort.arm(inside ? kLongestGate : milliseconds(0)); };
  const StopSignal stop;
  request.stop = [&stop] { return stop.requested(); };
  return checkpoint_database(place.database.string(), clock, request);
}

// statistics

std::int64_t wanted_limit(const Invocation& invocation, std::int64_t otherwise) {
  const auto text = invocation.value("limit");
  if (!text) return otherwise;
  std::int64_t limit = 0;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (failure == std::errc{} && end == text->data() + text->size() && limit >= 0) return limit;
  throw Error(ErrorCode::kUsage, fmt::format("--limit {} is no number of entries", *text), "--limit 1000");
}

using StatisticsAction = StatisticsReport (*)(Connection&, const Clock&, const StatisticsRequest&);

int run_statistics(const Invocation& invocation, const std::string& action, StatisticsAction run) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  Output& output = invocation.session.output;
  const StopSignal stop;
  StatisticsRequest request{.table = invocation.value("NAME").value_or(""),
                            .patience = maintain_patience(invocation, place),
                            .stop = [&stop] { return stop.requested(); }};
  request.analysis_limit = wanted_limit(invocation, request.analysis_limit);
  StatisticsReport report;
  {
    Connection connection(place.database.string(), {.mode = OpenMode::kReadWrite});
    report = run(connection, invocation.session.clock, request);
  }
  nlohmann::ordered_json changes = nlohmann::ordered_json::array();
  for (const StatisticsChange& change : report.changes) {
    output.line(fmt::format("{}{}: {} -> {}", change.table, change.index.empty() ? "" : " " + change.index,
                            change.before.empty() ? "no statistics" : change.before,
                            change.after.empty() ? "no statistics" : change.after));
    changes.push_back({{"table", change.table},
                       {"index", change.index},
                       {"before", change.before},
                       {"after", change.after}});
  }
  nlohmann::ordered_json left_out = nlohmann::ordered_json::array();
  for (const auto& [table, why] : report.left_out) {
    output.line(fmt::format("{}: left out, only the application can analyze it: {}", table, why));
    left_out.push_back({{"table", table}, {"why", why}});
  }
  output.line(fmt::format("{} tables looked at in {}, {} statistics changed; writers waited for {} at most",
                          report.tables, seconds_text(report.seconds), report.changes.size(),
                          seconds_text(report.longest_out)));
  nlohmann::ordered_json document = maintain_document(place, action);
  document["limit"] = request.analysis_limit;
  document["tables"] = report.tables;
  document["changes"] = std::move(changes);
  document["left_out"] = std::move(left_out);
  document["seconds"] = report.seconds.count();
  document["longest_writers_out_seconds"] = report.longest_out.count();
  output.document(document);
  if (report.stopped) throw Error(ErrorCode::kLocked, "stopped between two tables", "run it again");
  return 0;
}

// vacuum

double wanted_share(const Invocation& invocation, double otherwise) {
  auto text = invocation.value("if-free-above");
  if (!text) return otherwise;
  const bool percent = text->ends_with('%');
  if (percent) text->pop_back();
  double share = 0;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), share);
  if (percent || share > 1) share /= 100;
  if (failure == std::errc{} && end == text->data() + text->size() && share >= 0 && share <= 1) return share;
  throw Error(ErrorCode::kUsage, "--if-free-above takes a share of the pages", "--if-free-above 25%");
}

VacuumRequest vacuum_request(const Invocation& invocation, const ArchivePlace& place) {
  VacuumRequest request{.force = invocation.flag("force"), .patience = maintain_patience(invocation, place)};
  request.if_free_above = wanted_share(invocation, request.if_free_above);
  if (const auto mode = invocation.value("auto-vacuum")) {
    request.auto_vacuum = *mode == "none"   ? AutoVacuum::kNone
                          : *mode == "full" ? AutoVacuum::kFull
                                            : AutoVacuum::kIncremental;
  }
  return request;
}

nlohmann::ordered_json pages_json(const PageCounts& pages) {
  return {{"pages", pages.pages},
          {"free_pages", pages.free_pages},
          {"page_size", pages.page_size},
          {"bytes", pages.bytes()},
          {"auto_vacuum", auto_vacuum_name(pages.auto_vacuum)}};
}

std::string_view way_name(VacuumPlan::Way way) {
  if (way == VacuumPlan::Way::kNothing) return "nothing";
  return way == VacuumPlan::Way::kWhole ? "vacuum" : "incremental";
}

void print_plan(Output& output, const VacuumPlan& plan) {
  output.line(fmt::format("{} of {} pages are free ({:.1f} %, {})", plan.before.free_pages, plan.before.pages,
                          plan.before.free_share() * 100, format_size(plan.before.free_bytes())));
  if (plan.way == VacuumPlan::Way::kNothing) output.line("nothing to do: " + plan.why);
  if (plan.way == VacuumPlan::Way::kIncremental) {
    output.line(
        fmt::format("in small steps: writers wait for about {} at a time", seconds_text(plan.writers_out)));
  }
  if (plan.way == VacuumPlan::Way::kWhole) {
    output.line(fmt::format("VACUUM: writers wait for about {}; it needs {} in {} and {} beside the database",
                            seconds_text(plan.writers_out), format_size(plan.temporary_bytes),
                            plan.temporary_folder, format_size(plan.beside_bytes)));
  }
  output.flush();
}

nlohmann::ordered_json plan_json(const ArchivePlace& place, const VacuumPlan& plan) {
  nlohmann::ordered_json document = maintain_document(place, "vacuum");
  document["way"] = way_name(plan.way);
  document["why"] = plan.why;
  document["before"] = pages_json(plan.before);
  document["commits_per_second"] = plan.commits_per_second;
  document["predicted_writers_out_seconds"] = plan.writers_out.count();
  document["temporary_bytes"] = plan.temporary_bytes;
  document["beside_bytes"] = plan.beside_bytes;
  return document;
}

// What the file has shrunk to shows only when the WAL is copied back.
void shrink_file(const Invocation& invocation, const ArchivePlace& place) {
  auto owner = connect_owner(place);
  run_checkpoint(invocation, place, {.mode = CheckpointMode::kTruncate}, owner);
}

}  // namespace

int run_maintain_checkpoint(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  Output& output = invocation.session.output;
  CheckpointRequest request{.mode = mode_of(invocation.value("mode").value_or("passive")),
                            .patience = std::chrono::duration_cast<milliseconds>(
                                parse_duration(invocation.value("wait").value_or("10s")))};
  auto owner = connect_owner(place);
  const CheckpointReport report = run_checkpoint(invocation, place, request, owner);
  nlohmann::ordered_json document = maintain_document(place, "checkpoint");
  document["mode"] = mode_name(request.mode);
  document["has_wal"] = report.has_wal;
  document["complete"] = report.complete;
  document["by"] = owner ? "protect" : "maintain";
  document["before"] = wal_json(report.before);
  document["after"] = wal_json(report.after);
  document["copied"] = report.copied;
  document["seconds"] = report.seconds.count();
  document["longest_writers_out_seconds"] = report.longest_out.count();
  std::vector<Finding> findings;
  if (!report.has_wal) {
    output.line("the database has no WAL: there is nothing to copy back");
  } else {
    output.line("before: " + wal_text(report.before));
    output.line("after:  " + wal_text(report.after));
    output.line(fmt::format("{} pages copied back in {}; writers were kept out for {} at most", report.copied,
                            seconds_text(report.seconds), seconds_text(report.longest_out)));
  }
  if (!report.complete) {
    findings = look_who_is_in_the_way(place.database.string(), place.display,
                                      wish_of(request.mode, report.by_reader));
    output.findings(findings);
  }
  document["in_the_way"] = findings_to_json(findings);
  output.document(document);
  if (report.complete) return 0;
  // PASSIVE took what it could: that was all it was to do.
  if (request.mode == CheckpointMode::kPassive && report.by_reader) return 0;
  const std::string who = in_the_way_text(findings);
  output.note(fmt::format("not all was copied back within {}{}", format_duration(request.patience),
                          who.empty() ? "; nobody was seen in the way just now" : ": " + who));
  return kLocked;
}

int run_maintain_analyze(const Invocation& invocation) {
  return run_statistics(invocation, "analyze", analyze);
}

int run_maintain_optimize(const Invocation& invocation) {
  return run_statistics(invocation, "optimize", optimize);
}

int run_maintain_vacuum(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  Output& output = invocation.session.output;
  const Clock& clock = invocation.session.clock;
  const VacuumRequest request = vacuum_request(invocation, place);
  const bool dry_run = invocation.flag("dry-run");
  if (!dry_run && !request.force && in_busy_hours(invocation, place)) {
    throw Error(ErrorCode::kLocked, place.display + ": these are its busy hours (litewright.toml)",
                "later, or all the same: --force");
  }
  VacuumPlan plan;
  VacuumReport report;
  {
    Connection connection(place.database.string(), {.mode = OpenMode::kReadWrite});
    plan = plan_vacuum(connection, clock, request);
    print_plan(output, plan);
    // Ctrl-C ends VACUUM as a crash would: SQLite takes back what was not committed.
    if (!dry_run) report = vacuum(connection, clock, request, plan);
  }
  nlohmann::ordered_json document = plan_json(place, plan);
  document["dry_run"] = dry_run;
  if (!dry_run && plan.way != VacuumPlan::Way::kNothing) {
    shrink_file(invocation, place);
    output.line(fmt::format("{} -> {}; writers were kept out for {} at most, {} in all",
                            format_size(plan.before.bytes()), format_size(report.after.bytes()),
                            seconds_text(report.longest_out), seconds_text(report.writers_out)));
    document["after"] = pages_json(report.after);
    document["writers_out_seconds"] = report.writers_out.count();
    document["longest_writers_out_seconds"] = report.longest_out.count();
  }
  output.document(document);
  return 0;
}

}  // namespace litewright
