// litewright protect: archives every commit as it happens, in the foreground, until it is told to stop.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "archive/archiver.h"
#include "archive/state_folder.h"
#include "base/process_memory_linux.h"
#include "base/self_end_timer_linux.h"
#include "base/time_text.h"
#include "base/wake_event.h"
#include "cli/archive_place.h"
#include "cli/commands.h"
#include "cli/keep_options.h"
#include "cli/stop_signal.h"
#include "cli/supervise_linux.h"
#include "operate/followable.h"
#include "sqlite/connection.h"

namespace litewright {
namespace {

// What happens, said by the follower's and the uploader's threads.
class EventPrinter {
 public:
  EventPrinter(Output& output, const Clock& clock) : output_(output), clock_(clock) {}

  void event(const std::string& name, const nlohmann::ordered_json& body, const std::string& text) {
    const std::lock_guard lock(mutex_);
    nlohmann::ordered_json document = {{"event", name}, {"time", format_utc_time(clock_.wall())}};
    document.update(body);
    output_.document(document);
    output_.line(fmt::format("{}  {}", format_local_time(clock_.wall()), text));
    output_.flush();
  }
  void finding(const Finding& found) {
    {
      const std::lock_guard lock(mutex_);
      open_[found.id] = found.severity;
    }
    event("finding", {{"finding", finding_to_json(found)}}, finding_to_text(found));
  }
  // Of what was found and is not over.
  Severity worst() const {
    const std::lock_guard lock(mutex_);
    Severity worst = Severity::kOk;
    for (const auto& [id, severity] : open_) worst = std::max(worst, severity);
    return worst;
  }
  void warning(const std::string& text) {
    event("warning", {{"message", text}}, output_.paint(Ink::kYellow, "warning: ") + text);
  }

 private:
  Output& output_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Severity> open_;
};

// Where the watchdog is killed too, nobody else would end an archiver that stands still in the gate.
constexpr std::chrono::milliseconds kLongestGateOfAnOrphan{3000};

FollowEvents make_events(EventPrinter& printer, const ArchivePlace& place, GateClock& gate,
                         SelfEndTimer& last_resort, const Clock& clock) {
  FollowEvents events;
  events.following = [&printer, &place](Txid txid, bool reconciled) {
    printer.event("following", {{"txid", txid.value}, {"reconciled", reconciled}},
                  fmt::format("following {} from commit {} on{}; archive: {}", place.display, txid.value,
                              reconciled ? " (what changed meanwhile is archived as one commit)" : "",
                              place.store->describe()));
  };
  events.warning = [&printer](const std::string& text) { printer.warning(text); };
  events.finding = [&printer](const Finding& found) { printer.finding(found); };
  events.database_open = [&gate](bool open) { gate.has_database_open = open; };
  events.gate = [&gate, &last_resort, &clock](bool inside) {
    last_resort.arm(inside ? kLongestGateOfAnOrphan : std::chrono::milliseconds(0));
    if (inside) {
      gate.enter(std::chrono::nanoseconds(clock.steady().time_since_epoch()).count());
    } else {
      gate.leave();
    }
  };
  return events;
}

int archive_until_stopped(const Invocation& invocation, const ArchivePlace& place, GateClock& gate) {
  const Session& session = invocation.session;
  const StopSignal stop;
  keep_heap_small();
  take_little_memory_for_connections();
  EventPrinter printer(session.output, session.clock);
  SelfEndTimer last_resort;
  ArchiverOptions options;
  options.follow.database = place.database.string();
  options.follow.state_folder = state_folder(session.environment);
  options.reported_pid = ::getppid();
  if (const auto limit = invocation.value("wal-limit")) options.follow.wal_limit_bytes = parse_size(*limit);
  if (const auto ceiling = invocation.value("wal-ceiling"))
    options.follow.wal_ceiling_bytes = parse_size(*ceiling);
  if (const auto spool = invocation.value("spool")) options.spool_bytes = parse_size(*spool);
  options.retention.rules = archive_keep_rules(invocation, place);
  // For tests, which can't wait for minutes.
  if (const auto every = session.environment("LITEWRIGHT_RETENTION_EVERY")) {
    options.retention.look_every = options.retention.judge_every =
        std::chrono::duration_cast<std::chrono::milliseconds>(parse_duration(*every));
    options.retention.cpu_share = 1;
  }
  if (options.follow.wal_ceiling_bytes <= options.follow.wal_limit_bytes) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--wal-ceiling {} is not above --wal-limit {}",
                            format_size(options.follow.wal_ceiling_bytes),
                            format_size(options.follow.wal_limit_bytes)),
                "at the limit the WAL is reset, at the ceiling it is given up");
  }
  Archiver archiver(*place.store, session.clock, options,
                    make_events(printer, place, gate, last_resort, session.clock));
  std::atomic<bool> done = false;
  WakeEvent finished;
  std::thread stopper([&] {
    pollfd waiting[2] = {{stop.fd(), POLLIN, 0}, {finished.fd(), POLLIN, 0}};
    while (!done && !stop.requested()) ::poll(waiting, 2, -1);
    archiver.stop();
    while (!done && !gate.hurry) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (!done) archiver.hurry();
  });
  const auto finish = [&] {
    done = true;
    finished.signal();
    stopper.join();
  };
  try {
    archiver.protect();
  } catch (...) {
    finish();
    throw;
  }
  finish();
  const FollowStatus status = archiver.status();
  printer.event("stopped",
                {{"captured", status.captured.value},
                 {"archived", status.archived.value},
                 {"gates", status.handover.gates},
                 {"gates_failed", status.handover.gates_failed},
                 {"longest_gate_seconds", status.longest_gate_ms / 1000},
                 {"longest_wal_frames", status.longest_wal_frames},
                 {"frames", status.capture.frames}},
                fmt::format("stopped; archived up to commit {}", status.archived.value));
  return exit_status(printer.worst());
}

int run_protect(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  require_followable(place.database);
  SuperviseOptions options;
  Output& output = invocation.session.output;
  options.notice = [&output](const char* text) { output.note(text); };
  return supervise(options,
                   [&](GateClock& gate, int) { return archive_until_stopped(invocation, place, gate); });
}

std::vector<Option> protect_options() {
  std::vector<Option> options = {
      {.name = "wal-limit", .value = "SIZE", .help = "reset the WAL when it is larger (default 12MiB)"},
      {.name = "wal-ceiling",
       .value = "SIZE",
       .help = "let go of a WAL that the archive does not keep up with (default 1GiB)"},
      {.name = "spool",
       .value = "SIZE",
       .help = "keep so much in the state folder while the archive takes nothing (default 256MiB; "
               "0: nothing)"}};
  for (Option& option : keep_options()) options.push_back(std::move(option));
  return options;
}

}  // namespace

Command protect_command() {
  return with_database(
      {.name = "protect",
       .summary = "archive every commit as it happens",
       .description =
           "Follows a live database in WAL mode and archives every commit within milliseconds, until Ctrl-C "
           "or "
           "SIGTERM. The application goes on as it is: nothing is written to its database but SQLite's own "
           "checkpoints, and the WAL is kept short.\n\n"
           "The first time the whole database is archived while writers run. After a stop the archive goes "
           "on where it stood; what changed meanwhile becomes one commit.\n\n"
           "While the archive takes nothing (its disk is full, gone, slow or read-only) commits wait in a "
           "spool, and are not archived yet; when that is full they wait in the WAL, up to the ceiling, or "
           "until the database's own disk is nearly full. Each of that is a finding. The application goes on "
           "all the while.\n\n"
           "A second Ctrl-C or SIGTERM no longer waits for the store: what it has not taken yet is compared "
           "at "
           "the next start.\n\n"
           "Restore points thin out with age: every commit for 24 hours, one a minute for 7 days, one an "
           "hour "
           "for 30 days, one a day for a year, unless --keep-... says otherwise; small objects are merged, "
           "beside the work and behind it.\n\n"
           "A database in another journal mode is compared after each change: several commits in quick "
           "succession become one.",
       .options = protect_options(),
       .examples = {{"litewright protect app.db", "into app.db-archive/ beside it"},
                    {"litewright protect app.db --archive /backup/app", "into another folder"},
                    {"litewright protect app.db --json", "one event a line, for a supervisor"}},
       .exit_statuses = {{64, "the archive is another database's"},
                         {75,
                          "the database is followed already, another archiver holds this archive, or it is "
                          "locked exclusively"}},
       .run = run_protect});
}

}  // namespace litewright
