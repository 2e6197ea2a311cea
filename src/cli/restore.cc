// litewright restore: the database as it was after a commit, beside the live one or in its place.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "archive/archive_pause.h"
#include "archive/companions.h"
#include "base/error.h"
#include "base/process_table_linux.h"
#include "base/progress.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"
#include "cli/plain_copies.h"
#include "cli/restore_point.h"
#include "cli/stop_signal.h"
#include "operate/restore_companions.h"
#include "operate/restore_database.h"

namespace litewright {
namespace {

void print_report(Output& output, const RestoreReport& report, bool dry_run) {
  const CommitRecord& commit = report.plan.commit;
  output.line(fmt::format("{} {} as of commit {} ({}), {}, {}", dry_run ? "would restore" : "restored",
                          report.target, commit.txid.value,
                          format_local_time(commit.seen_at, Precision::kMilliseconds),
                          format_size(report.bytes),
                          dry_run ? fmt::format("from {} objects, {} to read", report.plan.segments.size(),
                                                format_size(report.plan.bytes_to_read))
                                  : fmt::format("checksum {} proven", commit.checksum.hex().substr(0, 8))));
  if (dry_run && report.estimate) {
    output.line(
        fmt::format("by the last proofs that takes about {}",
                    format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(*report.estimate))));
  }
  if (report.pages_made) {
    output.line(fmt::format("{} of {} pages differed", *report.pages_made, commit.page_count));
  }
  for (const BadObject& object : report.damaged) {
    output.note(fmt::format(
        "{} is damaged; other objects gave the same commit. What it costs: litewright verify", object.name));
  }
  if (report.checked) output.line("quick_check: ok");
  if (!report.not_checked.empty())
    output.line("quick_check: left out, only the application can run it: " + report.not_checked);
  if (report.probe_result) output.line("probe: " + *report.probe_result);
  for (const std::string& kept : report.kept) output.line("kept the old file: " + kept);
}

nlohmann::ordered_json report_document(const RestoreReport& report, bool dry_run) {
  const CommitRecord& commit = report.plan.commit;
  nlohmann::ordered_json document = {{"target", report.target},
                                     {"dry_run", dry_run},
                                     {"txid", commit.txid.value},
                                     {"time", format_utc_time(commit.seen_at)},
                                     {"reconciled", commit.reconciled},
                                     {"pages", commit.page_count},
                                     {"page_size", report.plan.page_size},
                                     {"bytes", report.bytes},
                                     {"bytes_read", report.plan.bytes_to_read},
                                     {"objects", report.plan.segments.size()},
                                     {"checksum", commit.checksum.hex()},
                                     {"kept", report.kept},
                                     {"seconds", report.seconds.count()}};
  if (report.estimate) document["estimated_seconds"] = report.estimate->count();
  for (const BadObject& object : report.damaged)
    document["damaged"].push_back({{"object", object.name}, {"what", object.reason}});
  if (report.pages_made) document["pages_made"] = *report.pages_made;
  if (report.checked) document["quick_check"] = "ok";
  if (!report.not_checked.empty()) document["not_checked"] = report.not_checked;
  if (report.probe_result) document["probe"] = *report.probe_result;
  return document;
}

// The files to bring back with the point; nullopt where they are not asked for.
std::optional<CompanionSet> wanted_files(const Invocation& invocation, const ArchivePlace& place) {
  const bool in_place = invocation.flag("files-in-place");
  if (!in_place && !invocation.value("with-files")) return std::nullopt;
  if (in_place && invocation.value("with-files"))
    throw Error(ErrorCode::kUsage, "--with-files and --files-in-place exclude each other");
  const auto point = invocation.value("point");
  if (!point) throw Error(ErrorCode::kUsage, "files are kept with named points", "name one: --point NAME");
  auto set = read_companions(*place.store, *point);
  if (set) return set;
  throw Error(ErrorCode::kNoDatabase, fmt::format("no files were kept with point \"{}\"", *point),
              "restore it without them");
}

std::vector<PlacedCompanion> put_files(CompanionPlacement& placement, const std::string& target,
                                       WallTime now) {
  try {
    return placement.put(now);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{} is restored, but of its files {}", target, error.what()),
                error.hint());
  }
}

void print_files(Output& output, const std::vector<PlacedCompanion>& files,
                 nlohmann::ordered_json& document) {
  for (const PlacedCompanion& file : files) {
    output.line(fmt::format("{} {}", file.unchanged ? "as it was kept already:" : "restored", file.path));
    if (file.kept) output.line("kept the old file: " + *file.kept);
    nlohmann::ordered_json one = {{"path", file.path}, {"unchanged", file.unchanged}};
    if (file.kept) one["kept"] = *file.kept;
    document["files"].push_back(std::move(one));
  }
}

int run_restore(const Invocation& invocation) {
  if (invocation.value("from")) return run_restore_copy(invocation);
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMayBeMissing);
  require_archive(place);
  const Session& session = invocation.session;
  RestoreRequest request;
  request.point = wanted_point(invocation);
  request.target = invocation.value("output").value_or(place.database.string());
  std::error_code ignored;
  request.in_place =
      !invocation.value("output") || std::filesystem::equivalent(request.target, place.database, ignored);
  request.dry_run = invocation.flag("dry-run");
  request.delta = invocation.flag("delta");
  request.probe = invocation.value("probe");
  Progress progress(session.output.progress_stream(), session.clock,
                    {.label = "restore " + request.target, .unit = Progress::Unit::kItems});
  // Ctrl-C: the unfinished file goes, the target stays as it was.
  const StopSignal stop;
  request.options.progress = [&progress, &stop](std::uint64_t done, std::uint64_t all) {
    if (stop.requested()) throw Error(ErrorCode::kLocked, "stopped; nothing was changed", "run it again");
    progress.set_total(all);
    progress.advance(done - std::min(done, progress.done()));
  };
  const std::optional<CompanionSet> files = wanted_files(invocation, place);
  std::optional<CompanionPlacement> placement;
  if (files && !request.dry_run)
    placement.emplace(*place.store, *files,
                      invocation.flag("files-in-place") ? std::nullopt : invocation.value("with-files"));
  // An archiver that runs lets go of the database for as long as this takes, and compares afterwards; none
  // begins meanwhile.
  std::optional<ArchivePause> pause;
  if (request.in_place && !request.dry_run) pause.emplace(*place.store);
  const LinuxProcessTable processes;
  const RestoreReport report = restore_database(*place.store, processes, session.clock, request);
  std::vector<PlacedCompanion> placed;
  if (placement) placed = put_files(*placement, report.target, session.clock.wall());
  pause.reset();
  progress.finish();
  print_report(session.output, report, request.dry_run);
  nlohmann::ordered_json document = report_document(report, request.dry_run);
  print_files(session.output, placed, document);
  if (files && request.dry_run)
    session.output.line(fmt::format("and {} files that were kept with it", files->files.size()));
  session.output.document(document);
  return 0;
}

}  // namespace

Command restore_command() {
  Command command = with_database(
      {.name = "restore",
       .summary = "bring the database back as it was after a commit",
       .description = "Without a point: the newest commit in the archive. With -o: into a new file. Without "
                      "-o: in place; then "
                      "nobody may have the database open, the old files are kept aside as "
                      "DB.before-restore-TIME, and the result "
                      "is checked. The pages are written beside the target and proven against the recorded "
                      "checksum before "
                      "they take its name: on any failure the target is as it was.\n\n"
                      "With --from: from a plain copy, or the newest of a folder, whoever made it, with the "
                      "same care. A damaged one is refused.",
       .options = {{.name = "at", .value = "TIME", .help = "the newest commit seen at or before TIME"},
                   {.name = "tx", .value = "N", .help = "commit N, as litewright log numbers them"},
                   {.name = "point", .value = "NAME", .help = "a point named by litewright backup --name"},
                   {.name = "output", .letter = 'o', .value = "FILE", .help = "restore into FILE instead"},
                   {.name = "probe",
                    .value = "SQL",
                    .help = "a query that must give a row on the restored file"},
                   {.name = "delta", .help = "build on the file that is there: read only pages that differ"},
                   {.name = "with-files",
                    .value = "DIR",
                    .help = "with the files that were kept with the point, below DIR by their whole paths"},
                   {.name = "files-in-place", .help = "with those files, where they came from"},
                   {.name = "dry-run", .help = "say what would be done, write nothing"}},
       .examples = {{"litewright restore app.db --at -15m -o before.db",
                     "as it was a quarter of an hour ago"},
                    {"litewright restore app.db --tx 1234", "in place, exactly after commit 1234"},
                    {"litewright restore app.db --point before-upgrade --dry-run", "what that would do"},
                    {"litewright restore app.db --from /backup",
                     "the newest plain copy of app.db in that folder"}},
       .exit_statuses = {{65, "the archive is damaged there: nothing was restored"},
                         {66, "no such point, or no archive"},
                         {75, "somebody has the database open"}},
       .run = run_restore});
  for (const Option& option : restore_copy_options()) command.options.push_back(option);
  return command;
}

}  // namespace litewright
