// litewright locks: who holds a database's locks, who pins its WAL, who is in whose way.
#include "locks/locks.h"
#include "base/shell_words.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/locks_text.h"
#include "cli/stop_signal.h"
#include "locks/lock_sampler_linux.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSampleEvery{100};
constexpr const char* kOtherScreen = "\x1b[?1049h";
constexpr const char* kBackToFirstScreen = "\x1b[?1049l";
constexpr const char* kTopOfCleanScreen = "\x1b[H\x1b[2J";

nlohmann::ordered_json process_json(const LockHolder& holder) {
  nlohmann::ordered_json json = {{"pid", holder.process.pid},
                                 {"role", role_name(holder.role)},
                                 {"user", holder.process.user},
                                 {"command", holder.process.command_line}};
  if (holder.process.started) json["started"] = format_utc_time(*holder.process.started);
  json["container"] = holder.process.container;
  json["inner_pid"] = holder.process.inner_pid;
  json["own_follower"] = holder.is_own_follower;
  json["main_file"] = describe(holder.locks.main_file);
  json["wal_index"] = describe(holder.locks.wal_index);
  json["held_seconds"] = std::chrono::duration<double>(holder.held_for).count();
  json["pinned_bytes"] = holder.pinned_bytes;
  if (holder.snapshot_frame) json["snapshot_frame"] = *holder.snapshot_frame;
  nlohmann::ordered_json libraries = nlohmann::ordered_json::array();
  for (const SqliteLibrary& library : holder.libraries) {
    libraries.push_back(
        {{"file", library.file}, {"version", library.version}, {"source_id", library.source_id}});
  }
  json["libraries"] = std::move(libraries);
  nlohmann::ordered_json stale = nlohmann::ordered_json::array();
  for (const auto& file : holder.stale_files) stale.push_back(file.string());
  json["stale_files"] = std::move(stale);
  return json;
}

nlohmann::ordered_json report_json(const LockReport& report) {
  nlohmann::ordered_json json = {
      {"database", report.database},
      {"time", format_utc_time(report.seen)},
      {"looked_for_seconds", std::chrono::duration<double>(report.looked_for).count()},
      {"wal_mode", report.wal_mode},
      {"wal",
       {{"bytes", report.wal_bytes},
        {"frames", report.wal_frames},
        {"backfilled", report.wal_backfilled},
        {"backfilled_meanwhile", report.backfilled_meanwhile},
        {"pinned_bytes", report.pinned_bytes}}},
      {"write_busy_share", report.write_busy_share},
      {"unseen_processes", report.unseen_processes}};
  if (report.commits_per_second) json["commits_per_second"] = *report.commits_per_second;
  if (report.oldest_reader) {
    json["oldest_reader_seconds"] = std::chrono::duration<double>(*report.oldest_reader).count();
  }
  nlohmann::ordered_json processes = nlohmann::ordered_json::array();
  for (const LockHolder& holder : report.processes) processes.push_back(process_json(holder));
  json["processes"] = std::move(processes);
  json["findings"] = findings_to_json(report.findings);
  return json;
}

void print_report(Output& output, const LockReport& report) {
  print_locks(output, report);
  output.findings(report.findings);
  output.document(report_json(report));
  output.flush();
}

// The other screen of a terminal for its lifetime, as top has it; nothing elsewhere.
class WatchScreen {
 public:
  explicit WatchScreen(bool wanted) : on_(wanted && ::isatty(STDOUT_FILENO) == 1) { say(kOtherScreen); }
  ~WatchScreen() { say(kBackToFirstScreen); }
  WatchScreen(WatchScreen&&) = delete;
  WatchScreen& operator=(WatchScreen&&) = delete;
  void clear() { say(kTopOfCleanScreen); }

 private:
  void say(const char* text) {
    if (!on_) return;
    std::fputs(text, stdout);
    std::fflush(stdout);
  }
  bool on_;
};

std::uint64_t wanted_count(const Invocation& invocation) {
  const auto text = invocation.value("count");
  if (!text) return 0;
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (error != std::errc() || end != text->data() + text->size() || count == 0) {
    throw Error(ErrorCode::kUsage, fmt::format("--count {} is not a number of reports", *text), "--count 10");
  }
  return count;
}

milliseconds wanted_time(const Invocation& invocation, const std::string& option, const char* otherwise) {
  const auto time =
      std::chrono::duration_cast<milliseconds>(parse_duration(invocation.value(option).value_or(otherwise)));
  return std::max(time, milliseconds(1));
}

int watch(const Invocation& invocation, const std::string& name, LinuxLockSampler& sampler) {
  const milliseconds interval = wanted_time(invocation, "interval", "1s");
  const std::uint64_t count = wanted_count(invocation);
  Output& output = invocation.session.output;
  const StopSignal stop;
  WatchScreen screen(!output.json());
  LockHistory history;
  LockFacts facts = sampler.sample(LockSampler::Depth::kWhole);
  history.note(facts);
  int status = 0;
  for (std::uint64_t shown = 0; count == 0 || shown < count; ++shown) {
    for (milliseconds left = interval; left.count() > 0 && !stop.requested(); left -= kSampleEvery) {
      if (stop.wait_for(std::min(left, kSampleEvery))) break;
      facts = sampler.sample(LockSampler::Depth::kQuick);
      history.note(facts);
    }
    if (stop.requested()) break;
    const LockReport report = judge_locks(name, facts, history);
    status = exit_status(report.findings);
    screen.clear();
    print_report(output, report);
    history.begin_window();
  }
  return status;
}

int run_locks(const Invocation& invocation) {
  const DatabaseLocation location = invocation.database();
  if (location.kind != DatabaseKind::kSqlite) {
    throw Error(ErrorCode::kUsage,
                location.display + " is a PostgreSQL database; locks looks at SQLite files",
                "ask it: SELECT * FROM pg_stat_activity, pg_locks");
  }
  require_database_file(location);
  LinuxLockSampler sampler(location.path, invocation.session.clock);
  if (invocation.flag("watch")) return watch(invocation, location.display, sampler);
  if (invocation.value("count") || invocation.value("interval")) {
    throw Error(ErrorCode::kUsage, "--count and --interval go with --watch",
                "litewright locks " + shell_quoted(location.display) + " --watch");
  }
  const LockReport report =
      look_at_locks(location.display, sampler, {.look_for = wanted_time(invocation, "look-for", "400ms")});
  print_report(invocation.session.output, report);
  return exit_status(report.findings);
}

}  // namespace

Command locks_command() {
  return with_database(
      {.name = "locks",
       .summary = "who holds the locks, who pins the WAL, who is in the way",
       .description =
           "The answer to \"database is locked\". Looks from outside, through /proc and the WAL index: "
           "nothing is "
           "locked, nothing is written, SQLite is not asked. Names the process that holds the write lock, "
           "readers that keep the WAL from being copied back and how many bytes that is, checkpoints that "
           "don't "
           "move, processes whose locks were lost, that have a deleted or replaced file open, or that are "
           "outside "
           "this container. A lock is told as standing when it was held throughout the look.\n\n"
           "In WAL mode every idle connection holds locks: they are listed, and never blamed. SQLite does "
           "not "
           "queue for locks, so who waits for one can't be seen.\n\n"
           "Run it as root to see into every process.",
       .options = {{.name = "watch", .letter = 'w', .help = "look again and again, until Ctrl-C"},
                   {.name = "interval",
                    .value = "TIME",
                    .help = "between two reports of --watch (default 1s)"},
                   {.name = "count", .value = "N", .help = "end --watch after so many reports"},
                   {.name = "look-for",
                    .value = "TIME",
                    .help = "without --watch: how long to look (default 400ms)"}},
       .examples = {{"litewright locks app.db", "who is in the way right now"},
                    {"litewright locks app.db --watch", "like top"},
                    {"litewright locks app.db --watch --json --interval 10s --count 6",
                     "a minute, for a program"}},
       .run = run_locks});
}

}  // namespace litewright
