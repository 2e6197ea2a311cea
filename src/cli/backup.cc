// litewright backup: a verified restore point now.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "archive/archiver.h"
#include "archive/companions.h"
#include "archive/state_folder.h"
#include "archive/verify.h"
#include "base/progress.h"
#include "base/self_end_timer_linux.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"
#include "cli/plain_copies.h"
#include "operate/followable.h"
#include "operate/source_file.h"

namespace litewright {
namespace {

constexpr std::chrono::milliseconds kLongestGate{5000};

struct BackupOutcome {
  Txid txid;
  bool followed = false;        // a running archiver made it
  std::uint64_t new_bytes = 0;  // put into the archive by this command
};

std::uint64_t stored_bytes(const ObjectStore& store) {
  std::uint64_t bytes = 0;
  for (const ObjectInfo& object : store.list("segments/")) bytes += object.size;
  return bytes;
}

BackupOutcome ask_owner(OwnerClient& owner, const std::optional<std::string>& name, bool anew) {
  constexpr std::chrono::seconds kPatience{600};
  nlohmann::json request = {{"op", "backup"}, {"timeout_ms", std::chrono::milliseconds(kPatience).count()}};
  if (name) request["name"] = *name;
  if (anew) request["anew"] = true;
  const auto answer = ask_stoppably(owner, request, kPatience + std::chrono::seconds(2));
  return {Txid(answer.at("txid").get<std::uint64_t>()), true, 0};
}

BackupOutcome make_backup(const Invocation& invocation, const ArchivePlace& place,
                          const std::optional<std::string>& name) {
  const Session& session = invocation.session;
  ArchiverOptions options;
  options.follow.database = place.database.string();
  options.follow.state_folder = state_folder(session.environment);
  options.follow.anew = invocation.flag("anew");
  Progress progress(session.output.progress_stream(), session.clock,
                    {.label = "back up " + place.display, .unit = Progress::Unit::kItems});
  FollowEvents events;
  events.scanning = [&progress](std::uint64_t done, std::uint64_t all) {
    progress.set_total(all);
    progress.advance(done - std::min(done, progress.done()));
  };
  // Stopped (Ctrl-Z) in the gate it would keep the application's writers out.
  SelfEndTimer last_resort;
  events.gate = [&last_resort](bool inside) {
    last_resort.arm(inside ? kLongestGate : std::chrono::milliseconds(0));
  };
  events.warning = [&session](const std::string& text) { session.output.note(text); };
  events.finding = [&session](const Finding& found) {
    if (found.severity > Severity::kInfo) session.output.note(found.id + ": " + found.meaning);
  };
  const std::uint64_t before = stored_bytes(*place.store);
  Archiver archiver(*place.store, session.clock, options, events);
  const BackupPoint point = archiver.backup(name);
  return {point.txid, false, stored_bytes(*place.store) - before};
}

// What was just written is read back: all of a first backup, the new objects of a later one.
void read_back(const ArchivePlace& place, const Catalogue& old) {
  const Txid before = old.newest() ? old.newest()->txid : Txid(0);
  if (before.value == 0 && old.bad_objects.empty()) {
    const VerifyReport report = verify_archive(*place.store, VerifyOptions{});
    if (report.damage.empty() && report.missing.empty()) return;
    const std::string what = report.damage.empty() ? "a gap in its commits"
                                                   : report.damage[0].object + ": " + report.damage[0].what;
    throw Error(ErrorCode::kDamaged, fmt::format("the backup does not read back: {}", what),
                "is the archive's disk sound? litewright verify DB");
  }
  for (const SegmentEntry& entry : Catalogue::load(*place.store).segments) {
    if (entry.last.txid > before) Segment(*place.store, entry.name).verify_bytes();
  }
}

// Before the point is made: a point that is there has its files.
std::optional<CompanionSet> keep_files(const Invocation& invocation, const ArchivePlace& place,
                                       const std::optional<std::string>& name) {
  const std::vector<std::string>& given = invocation.all("file");
  if (given.empty()) return std::nullopt;
  if (!name) {
    throw Error(ErrorCode::kUsage, "--file: files are kept with a named point",
                "litewright backup DB --name NAME --file PATH");
  }
  const std::vector<std::filesystem::path> files(given.begin(), given.end());
  return keep_companions(*place.store, *name, files, invocation.session.clock);
}

BackupOutcome make_point(const Invocation& invocation, const ArchivePlace& place,
                         const std::optional<std::string>& name) {
  auto owner = connect_owner(place);
  if (owner) return ask_owner(*owner, name, invocation.flag("anew"));
  require_followable(place.database);
  require_whole_source(place.database, invocation.session.clock);
  const Catalogue before = Catalogue::load(*place.store);
  const BackupOutcome outcome = make_backup(invocation, place, name);
  read_back(place, before);
  return outcome;
}

int run_backup(const Invocation& invocation) {
  if (invocation.value("to")) return run_backup_copy(invocation);
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  const Clock& clock = invocation.session.clock;
  const SteadyTime began = clock.steady();
  const auto name = invocation.value("name");
  const std::optional<CompanionSet> files = keep_files(invocation, place, name);
  BackupOutcome outcome;
  try {
    outcome = make_point(invocation, place, name);
  } catch (const Error&) {
    if (files && Catalogue::load(*place.store).find_point(*name) == nullptr)
      remove_companions(*place.store, *name);
    throw;
  }
  const std::chrono::duration<double> seconds = clock.steady() - began;
  Output& output = invocation.session.output;
  output.line(fmt::format("commit {}{} is archived{} in {} ({})", outcome.txid.value,
                          name ? " (" + *name + ")" : "", outcome.followed ? "" : " and read back",
                          place.store->describe(),
                          format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(seconds))));
  for (const Companion& file : files ? files->files : std::vector<Companion>())
    output.line(fmt::format("kept with it: {}, {}", file.path, format_size(file.bytes)));
  nlohmann::ordered_json document = {{"txid", outcome.txid.value},
                                     {"followed", outcome.followed},
                                     {"bytes", outcome.new_bytes},
                                     {"seconds", seconds.count()},
                                     {"archive", place.store->describe()}};
  if (name) document["name"] = *name;
  if (files) document["files"] = files->files.size();
  output.document(document);
  return 0;
}

}  // namespace

Command backup_command() {
  Command command = with_database(
      {.name = "backup",
       .summary = "make a verified restore point now",
       .description =
           "Archives the database as it is now and reads back what was written. Only what changed since the "
           "last time travels. Where litewright protect runs, it is asked, and the answer comes at once.\n\n"
           "With --to: a plain copy of one moment instead, which any other tool can read, in the form that "
           "the "
           "file's suffix names, or into a folder under a name with the time. It is read back and checked "
           "before it "
           "gets its name; FILE.json beside it holds what is known of it. The archive is not touched.",
       .options =
           {{.name = "name", .value = "NAME", .help = "name the point: kept until it is removed by hand"},
            {.name = "anew",
             .help = "archive the whole database, building on nothing: after damage (litewright verify)"},
            {.name = "file",
             .value = "PATH",
             .help = "keep this file (a key, configuration) with the named point",
             .repeatable = true}},
       .examples = {{"litewright backup app.db", "into app.db-archive/"},
                    {"litewright backup app.db --name before-upgrade", "a point to go back to by name"},
                    {"litewright backup app.db --name before-upgrade --file /etc/app/key.pem",
                     "with a file that belongs to it"},
                    {"litewright backup app.db --to /backup --label daily",
                     "/backup/app_backup_daily_20251105_143022.db.zst"},
                    {"litewright backup app.db --to settings.sql --table settings", "one table, as SQL"}},
       .exit_statuses = {{64, "the archive is another database's"},
                         {65,
                          "the database is none or was cut off, or its copy is not sound: nothing was kept"},
                         {69, "protect runs, and its archive takes nothing, or not in time"},
                         {73, "--to: the file exists, or its folder doesn't"},
                         {75, "--to: the copy would have pinned more of the WAL than --wal-ceiling"}},
       .run = run_backup});
  for (const Option& option : backup_copy_options()) command.options.push_back(option);
  return command;
}

}  // namespace litewright
