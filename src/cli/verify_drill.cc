#include "cli/verify_drill.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/finding.h"
#include "base/progress.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/restore_point.h"
#include "cli/stop_signal.h"
#include "operate/restore_drill.h"

namespace litewright {

namespace {

namespace fs = std::filesystem;

// On a disk, not in memory: /tmp may be either.
fs::path scratch_folder(const Invocation& invocation) {
  const auto from_environment = invocation.session.environment("TMPDIR");
  const fs::path folder = invocation.value("into").value_or(from_environment.value_or("/var/tmp"));
  if (fs::is_directory(folder)) return fs::absolute(folder);
  throw Error(ErrorCode::kCantCreate, fmt::format("{} is no folder to restore into", folder.string()),
              "name one with room for the whole database: --into FOLDER");
}

std::string shown(std::chrono::duration<double> time) {
  return format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(time));
}

void print_report(Output& output, const DrillReport& report) {
  const RestoreProof& proof = report.proof;
  std::string checks;
  for (const std::string& check : proof.checks) checks += (checks.empty() ? "" : ", ") + check;
  output.line(fmt::format("commit {} ({}) was restored in {}: {} from {} of archive", proof.txid.value,
                          format_local_time(report.plan.commit.seen_at, Precision::kMilliseconds),
                          shown(proof.restore_time), format_size(proof.bytes),
                          format_size(proof.bytes_read)));
  output.line(fmt::format("held: {} ({})", checks, shown(report.check_time)));
  if (!report.not_checked.empty())
    output.line("quick_check: left out, only the application can run it: " + report.not_checked);
  if (report.probe_result) output.line("probe: " + *report.probe_result);
  output.line("the proof is in the archive; the scratch file is gone");
}

nlohmann::ordered_json proof_document(const DrillReport& report) {
  const RestoreProof& proof = report.proof;
  nlohmann::ordered_json document = {{"txid", proof.txid.value},
                                     {"time", format_utc_time(report.plan.commit.seen_at)},
                                     {"proven", format_utc_time(proof.proven_at)},
                                     {"checksum", proof.checksum.hex()},
                                     {"restore_seconds", proof.restore_time.count()},
                                     {"check_seconds", report.check_time.count()},
                                     {"bytes", proof.bytes},
                                     {"bytes_read", proof.bytes_read},
                                     {"checks", proof.checks},
                                     {"host", proof.host}};
  if (!report.not_checked.empty()) document["not_checked"] = report.not_checked;
  if (report.probe_result) document["probe"] = *report.probe_result;
  return document;
}

// What a drill finds is its result, not an error of the command.
int report_failure(const Session& session, const ArchivePlace& place, const Error& error) {
  const Finding finding{.id = "archive.drill-failed",
                        .severity = Severity::kCritical,
                        .database = place.display,
                        .meaning = error.what(),
                        .remedy = "litewright verify " + shell_quoted(place.display)};
  session.output.line(finding_to_text(finding));
  session.output.document(
      {{"archive", place.store->describe()}, {"findings", findings_to_json(std::span(&finding, 1))}}, 1,
      "drill");
  return exit_status(finding.severity);
}

}  // namespace

std::vector<Option> drill_options() {
  std::vector<Option> options = restore_point_options();
  for (Option& option : options) option.help = "--drill: " + option.help;
  options.push_back({.name = "into",
                     .value = "FOLDER",
                     .help = "--drill: where the scratch file goes; $TMPDIR, else /var/tmp"});
  options.push_back({.name = "probe", .value = "SQL", .help = "--drill: a query that must give a row"});
  return options;
}

int run_drill(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMayBeMissing);
  require_archive(place);
  const Session& session = invocation.session;
  DrillRequest request;
  request.point = wanted_point(invocation);
  request.folder = scratch_folder(invocation);
  request.probe = invocation.value("probe");
  Progress progress(session.output.progress_stream(), session.clock,
                    {.label = "restore to " + request.folder.string(), .unit = Progress::Unit::kItems});
  const StopSignal stop;
  request.options.progress = [&progress, &stop](std::uint64_t done, std::uint64_t all) {
    if (stop.requested()) throw Error(ErrorCode::kLocked, "stopped; nothing was recorded", "run it again");
    progress.set_total(all);
    progress.advance(done - std::min(done, progress.done()));
  };
  DrillReport report;
  try {
    report = drill_restore(*place.store, session.clock, request);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    progress.finish();
    return report_failure(session, place, error);
  }
  progress.finish();
  print_report(session.output, report);
  DocumentStream document(session.output, 1, "drill");
  document.add("archive", place.store->describe());
  const nlohmann::ordered_json proof = proof_document(report);
  for (const auto& [key, value] : proof.items()) document.add(key, value);
  document.finish();
  return 0;
}

}  // namespace litewright
