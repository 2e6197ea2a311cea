// litewright verify: reads every object of an archive and says what is not as it was written.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "archive/state_folder.h"
#include "archive/verify.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"
#include "cli/plain_copies.h"
#include "cli/stop_signal.h"
#include "cli/verify_drill.h"

namespace litewright {
namespace {

void print_text(Output& output, const ArchivePlace& place, const VerifyReport& report) {
  for (const VerifyDamage& damage : report.damage) {
    const std::string lost =
        damage.first_lost.value == 0
            ? "no commit is lost"
            : fmt::format("commits {} to {} are lost", damage.first_lost.value, damage.last_lost.value);
    output.line(output.paint(Ink::kRed, "damaged  ") + damage.object + ": " + damage.what + "; " + lost);
  }
  for (const MissingRange& gap : report.missing) {
    output.line(output.paint(Ink::kRed, "missing  ") +
                fmt::format("commits {} to {}", gap.base.value + 1, gap.last.value));
  }
  if (report.resumed_from) {
    output.line("goes on with the run of " + format_local_time(*report.resumed_from) +
                ", which was stopped (--restart begins anew)");
  }
  const bool sound = report.damage.empty() && report.missing.empty();
  if (report.trusted_objects > 0) {
    output.line(
        fmt::format("{}: {} objects, {}, {} commits; {} objects proven lately were not read again, {} of the "
                    "others{}",
                    place.store->describe(), report.objects, format_size(report.bytes), report.commits,
                    report.trusted_objects, format_size(report.data_bytes), sound ? ": all as written" : ""));
    return;
  }
  if (report.data_objects < report.objects && report.data_bytes < report.bytes) {
    output.line(fmt::format("{}: the indexes of {} objects, all of {} ({} of {}) read, {} commits{}",
                            place.store->describe(), report.objects, report.data_objects,
                            format_size(report.data_bytes), format_size(report.bytes), report.commits,
                            sound ? ": all as written" : ""));
    return;
  }
  output.line(fmt::format("{}: {} objects, {}, {} commits, {} page versions read{}", place.store->describe(),
                          report.objects, format_size(report.bytes), report.commits, report.page_versions,
                          sound ? ": all as written" : ""));
}

// One a store, beside the archivers' sockets. Without a place for it nothing is noted.
std::string record_file(const Session& session, const ObjectStore& store) {
  const std::string place = store.describe();
  try {
    return fmt::format("{}/verify-{:016x}.json", state_folder(session.environment),
                       checksum64(std::as_bytes(std::span(place))));
  } catch (const Error&) {
    return {};
  }
}

nlohmann::ordered_json damage_json(const VerifyReport& report) {
  nlohmann::ordered_json damage = nlohmann::ordered_json::array();
  for (const VerifyDamage& one : report.damage) {
    damage.push_back({{"object", one.object},
                      {"what", one.what},
                      {"first_lost", one.first_lost.value},
                      {"last_lost", one.last_lost.value}});
  }
  return damage;
}

nlohmann::ordered_json missing_json(const VerifyReport& report) {
  nlohmann::ordered_json missing = nlohmann::ordered_json::array();
  for (const MissingRange& gap : report.missing) {
    missing.push_back({{"first", gap.base.value + 1}, {"last", gap.last.value}});
  }
  return missing;
}

// What is lost, commits or files kept with a point, is critical; damage that costs none is a warning.
std::vector<Finding> findings_of(const ArchivePlace& place, const VerifyReport& report) {
  std::vector<Finding> findings;
  for (const VerifyDamage& damage : report.damage) {
    const bool lost = damage.first_lost.value != 0;
    const bool file_lost = damage.object.starts_with("files/");
    Finding finding{.id = lost        ? "archive.commits-lost"
                          : file_lost ? "archive.files-lost"
                                      : "archive.damaged",
                    .severity = lost || file_lost ? Severity::kCritical : Severity::kWarning,
                    .database = place.display,
                    .object = damage.object};
    if (lost) {
      finding.figures = {{"first_lost", static_cast<std::int64_t>(damage.first_lost.value)},
                         {"last_lost", static_cast<std::int64_t>(damage.last_lost.value)}};
    }
    finding.meaning = fmt::format("{}; {}", damage.what,
                                  lost        ? fmt::format("commits {} to {} can no longer be restored",
                                                            damage.first_lost.value, damage.last_lost.value)
                                  : file_lost ? "what it kept with a named point is lost"
                                              : "no commit is lost");
    // A point of now, whole, whatever came before.
    finding.remedy =
        fmt::format("litewright backup {}{}", shell_quoted(place.display), lost ? " --anew" : "");
    findings.push_back(std::move(finding));
  }
  return findings;
}

int run_verify(const Invocation& invocation) {
  if (invocation.flag("drill")) return run_drill(invocation);
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMayBeMissing);
  if (place.store->list("segments/").empty()) {
    if (const auto copies = named_copy(invocation)) return run_verify_copies(invocation, *copies);
  }
  require_archive(place);
  const Session& session = invocation.session;
  Progress progress(session.output.progress_stream(), session.clock, {.label = "verify " + place.display});
  VerifyOptions options;
  if (const auto subset = invocation.value("read-data-subset")) options.subset = DataSubset::parse(*subset);
  VerifyRecord record(record_file(session, *place.store), session.clock);
  options.record = &record;
  if (const auto age = invocation.value("proven-within")) options.trust = parse_duration(*age);
  if (invocation.flag("restart")) options.begin = VerifyRecord::Begin::kAnew;
  const StopSignal stop;
  options.progress = [&progress, &stop](std::uint64_t done, std::uint64_t all) {
    if (stop.requested()) {
      throw Error(ErrorCode::kLocked, "stopped; what was read is noted", "run it again: it goes on there");
    }
    progress.set_total(all);
    progress.advance(done - std::min(done, progress.done()));
  };
  const VerifyReport report = verify_archive(*place.store, options);
  progress.finish();
  print_text(session.output, place, report);
  const std::vector<Finding> findings = findings_of(place, report);
  nlohmann::ordered_json document = {{"archive", place.store->describe()},
                                     {"objects", report.objects},
                                     {"bytes", report.bytes},
                                     {"commits", report.commits},
                                     {"page_versions", report.page_versions},
                                     {"damage", damage_json(report)},
                                     {"missing", missing_json(report)},
                                     {"data_objects", report.data_objects},
                                     {"data_bytes", report.data_bytes},
                                     {"trusted_objects", report.trusted_objects},
                                     {"findings", findings_to_json(findings)}};
  if (!options.subset.everything()) document["subset"] = options.subset.text();
  if (report.resumed_from) document["resumed_from"] = format_utc_time(*report.resumed_from);
  session.output.document(document);
  return report.missing.empty() ? exit_status(findings) : exit_status(Severity::kCritical);
}

}  // namespace

Command verify_command() {
  Command command = with_database(
      {.name = "verify",
       .summary = "read the whole archive and prove every commit in it",
       .description =
           "Reads every object, applies every page version in order and holds each page and each commit "
           "against its recorded checksum. Damage is named with the commits that it costs. A run "
           "that was stopped goes on where it was, within a day.\n\n"
           "With --read-data-subset: of the other objects only the indexes are read. 1/7 to 7/7 are fixed "
           "parts; "
           "a percentage or a size goes on, run by run, where the last one ended.\n\n"
           "With --proven-within: objects that a whole run on this machine proved at most that long ago are "
           "not read again, so that a daily run costs what is new. What happened to them since it does not "
           "see.\n\n"
           "With --drill: restores the newest commit, or the one given, into a scratch file, holds the whole "
           "against the checksum recorded with the commit, opens it with SQLite (quick_check, and --probe), "
           "and "
           "records the proof in the archive. A running archiver goes on meanwhile.\n\n"
           "A file that has no archive, or a folder, is taken as plain copies: each is read back, held "
           "against "
           "the record beside it, and the database in it is checked.",
       .options = {{.name = "read-data-subset",
                    .value = "PART",
                    .help =
                        "read the indexes of all objects, but all bytes only of 1/7, 5% or 100MB of them"},
                   {.name = "proven-within",
                    .value = "AGE",
                    .help = "leave out objects that were read whole and proven at most so long ago (7d)"},
                   {.name = "restart", .help = "begin anew, whatever a run that was stopped has read"}},
       .examples = {{"litewright verify app.db", "the archive beside app.db"},
                    {"litewright verify app.db --archive /backup/app",
                     "another one; app.db itself may be gone"},
                    {"litewright verify app.db --proven-within 7d",
                     "each day what is new, and everything once a week"},
                    {"litewright verify app.db --drill --probe 'SELECT max(id) FROM orders'",
                     "prove that the newest commit can be restored"},
                    {"litewright verify /backup/app_backup_daily_20251105_143022.db.zst", "a plain copy"}},
       .exit_statuses = {{1, "damage that costs no commit was found"},
                         {2, "commits are lost, a drill failed, or a plain copy is damaged"},
                         {65, "the archive as a whole can't be judged: it is of a later format"}},
       .run = run_verify});
  command.options.push_back(
      {.name = "drill", .help = "restore for real to a scratch place, check, and record the proof"});
  for (const Option& option : drill_options()) command.options.push_back(option);
  for (const Option& option : verify_copy_options()) command.options.push_back(option);
  return command;
}

}  // namespace litewright
