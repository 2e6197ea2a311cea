// litewright restore [DB] --from FILE|FOLDER: from a plain copy.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "archive/archive_pause.h"
#include "base/error.h"
#include "base/process_table_linux.h"
#include "base/progress.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/plain_copies.h"
#include "cli/stop_signal.h"
#include "operate/restore_copy.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

bool names_a_database(const Invocation& invocation) {
  const Environment& environment = invocation.session.environment;
  return invocation.value("DB") || environment("DATABASE_URL") || environment("DATABASE_PATH");
}

void refuse_points(const Invocation& invocation) {
  for (const char* option : {"at", "tx", "point", "delta"}) {
    if (!invocation.flag(option)) continue;
    throw Error(ErrorCode::kUsage,
                fmt::format("--{} is for the archive; --from takes a copy as it is", option),
                "litewright log FOLDER lists the copies");
  }
}

void print_report(Output& output, const RestoreCopyReport& report, bool dry_run) {
  const CopyEntry& copy = report.copy;
  for (const std::string& skipped : report.skipped)
    output.line(output.paint(Ink::kRed, "damaged: ") + skipped);
  output.line(fmt::format("{} {} from {}, taken {}, {}", dry_run ? "would restore" : "restored",
                          report.target, copy.path.string(), format_local_time(copy.time),
                          copy.record ? "as recorded" : "no record of it"));
  if (dry_run) return;
  output.line("quick_check: ok");
  if (report.probe_result) output.line("probe: " + *report.probe_result);
  for (const std::string& kept : report.kept) output.line("kept the old file: " + kept);
}

nlohmann::ordered_json report_document(const RestoreCopyReport& report, bool dry_run) {
  nlohmann::ordered_json document = {{"target", report.target},
                                     {"dry_run", dry_run},
                                     {"from", report.copy.path.string()},
                                     {"time", format_utc_time(report.copy.time)},
                                     {"recorded", report.copy.record.has_value()},
                                     {"skipped", report.skipped},
                                     {"kept", report.kept},
                                     {"seconds", report.seconds.count()}};
  if (dry_run) return document;
  document["pages"] = report.content.pages.pages;
  document["page_size"] = report.content.pages.page_size;
  document["checksum"] = report.content.pages.checksum.hex();
  document["quick_check"] = "ok";
  if (report.probe_result) document["probe"] = *report.probe_result;
  return document;
}

}  // namespace

std::vector<Option> restore_copy_options() {
  return {
      {.name = "from",
       .value = "FILE|FOLDER",
       .help = "from a plain copy, or the newest copy of the database in a folder"},
      {.name = "fall-back", .help = "with --from FOLDER: where the newest is damaged, the one before it"}};
}

int run_restore_copy(const Invocation& invocation) {
  refuse_points(invocation);
  const Session& session = invocation.session;
  RestoreCopyRequest request;
  request.from = *invocation.value("from");
  refuse_archive_folder(invocation, request.from);
  request.dry_run = invocation.flag("dry-run");
  request.fall_back = invocation.flag("fall-back");
  request.probe = invocation.value("probe");
  std::optional<ArchivePlace> place;
  if (names_a_database(invocation)) {
    place = locate_archive(invocation, DatabaseFile::kMayBeMissing);
    request.database = place->database.string();
  } else if (!invocation.value("output")) {
    throw Error(ErrorCode::kUsage, "no database named", "litewright restore DB --from FILE, or -o FILE");
  }
  request.target = invocation.value("output").value_or(request.database.value_or(""));
  std::error_code ignored;
  request.in_place =
      place && (!invocation.value("output") || fs::equivalent(request.target, place->database, ignored));
  Progress progress(session.output.progress_stream(), session.clock, {.label = "restore " + request.target});
  const StopSignal stop;
  request.progress = [&](std::uint64_t done, std::uint64_t all) {
    if (stop.requested()) throw Error(ErrorCode::kLocked, "stopped; nothing was changed", "run it again");
    progress.set_total(all);
    progress.advance(done - std::min(done, progress.done()));
  };
  // An archiver that runs lets go of the database for as long as this takes, and compares afterwards; none
  // begins meanwhile.
  std::optional<ArchivePause> pause;
  const bool archived = request.in_place && !place->store->list("segments/").empty();
  if (archived && !request.dry_run) pause.emplace(*place->store);
  const RestoreCopyReport report = restore_copy(request, LinuxProcessTable(), session.clock);
  pause.reset();
  progress.finish();
  print_report(session.output, report, request.dry_run);
  session.output.document(report_document(report, request.dry_run), 1, "copy");
  return 0;
}

}  // namespace litewright
