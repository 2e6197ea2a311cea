// litewright serve: guards all databases of a machine, in the foreground, until it is told to stop.
#include <fmt/format.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "archive/state_folder.h"
#include "base/host_name.h"
#include "base/process_memory_linux.h"
#include "base/service_notify_linux.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/reload_signal.h"
#include "cli/serve_plan.h"
#include "cli/stop_signal.h"
#include "cli/supervise_linux.h"
#include "config/configuration.h"
#include "serve/alerts.h"
#include "serve/daemon.h"
#include "serve/flight_recorder.h"
#include "serve/web_service.h"
#include "sqlite/connection.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{1000};
constexpr milliseconds kTickWhileLeaving{50};
// On leaving: what a store did not take by then, and no spool has room for, is left to the next start.
constexpr std::chrono::seconds kStorePatience{10};
constexpr std::chrono::seconds kHungStore{2};  // for one that is all that is waited for
constexpr int kNotAllLeft = 1;
constexpr std::size_t kNamed = 5;  // in a sentence

// Prints what the daemon says, from any thread.
class ServeLog {
 public:
  ServeLog(bool json, const Clock& clock)
      : output_(stdout, stderr,
                {.command = "serve",
                 .format = json ? OutputFormat::kJson : OutputFormat::kText,
                 .colour = !json && wants_colour(stdout, ::getenv("NO_COLOR"))}),
        clock_(clock) {}

  void operator()(const LogEntry& entry) {
    const std::lock_guard lock(mutex_);
    try {
      print(entry);
    } catch (const Error&) {
      // A log that nobody takes is no reason to guard no longer; the findings are on the board.
    }
  }

 private:
  void print(const LogEntry& entry) {
    nlohmann::ordered_json document = {{"event", entry.event},
                                       {"time", format_utc_time(clock_.wall())},
                                       {"severity", severity_name(entry.severity)},
                                       {"database", entry.database},
                                       {"message", entry.text}};
    document.update(entry.fields);
    output_.document(document);
    const std::string subject = entry.database.empty() ? "" : entry.database + ": ";
    std::string text = printable(subject + entry.text);
    if (entry.severity >= Severity::kWarning)
      text = fmt::format("{}: {}",
                         output_.paint(Output::ink_of(entry.severity), severity_name(entry.severity)), text);
    output_.line(fmt::format("{}  {}", format_local_time(clock_.wall()), text));
    output_.flush();
  }

  Output output_;
  const Clock& clock_;
  std::mutex mutex_;
};

// As many descriptors as the system lets us have: each database takes a few.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

OpenGates::Watchdog watchdog_of(GateClock& gate) {
  return {.oldest =
              [&gate](SteadyTime since) {
                gate.enter(std::chrono::nanoseconds(since.time_since_epoch()).count());
              },
          .none = [&gate] { gate.leave(); },
          .databases = [&gate](bool any) { gate.has_database_open = any; }};
}

// Of one that begins anew: another http.listen takes a restart, and where it stays, its rules go with it.
HttpSettings answering(const ServePlan& plan, const ServePlan& start) {
  const HttpSettings& wanted = plan.configuration->http;
  return wanted.listen == start.configuration->http.listen ? wanted : start.configuration->http;
}

std::optional<FlightLimits> recorded(const Configuration& configuration, const std::string& path) {
  const DatabaseSettings* settings = configuration.of(path);
  if (settings == nullptr || settings->recorder.count() == 0) return std::nullopt;
  return FlightLimits{.kept = settings->recorder, .stall = settings->recorder_stall};
}

// What outlives the process that guards.
struct ServeMemory {
  ServePlan start;
  SharedText last_in_force{kMostConfigurationBytes};
};

// One process under the watchdog, from its beginning to its end.
class Serving {
 public:
  Serving(const Invocation& invocation, const ServePlan& plan, const ServiceNotify& notify, GateClock& gate,
          ServeMemory& memory)
      : clock_(invocation.session.clock),
        notify_(notify),
        gate_(gate),
        last_in_force_(memory.last_in_force),
        log_(plan.json_log, clock_),
        in_force_(plan.configuration),
        board_(clock_),
        gates_(clock_, watchdog_of(gate)),
        daemon_(plan.configuration, {.board = board_,
                                     .gates = gates_,
                                     .clock = clock_,
                                     .log = [this](const LogEntry& entry) { log_(entry); },
                                     .run = run_own_command,
                                     .load = [file = plan.file] { return load_configuration(file); },
                                     .refused = plan.refused,
                                     .configured = [this](const auto& configuration) { use(configuration); },
                                     .state_folder = state_folder(invocation.session.environment),
                                     .reported_pid = ::getppid()}),
        web_({.settings = answering(plan, memory.start),
              .state_folder = state_folder(invocation.session.environment),
              .version = LITEWRIGHT_VERSION},
             board_, clock_, run_own_command,
             [this](const std::string& name, const std::string& job) {
               return daemon_.jobs().ask(name, job);
             }),
        alerts_(plan.configuration->alerts, {.board = board_,
                                             .clock = clock_,
                                             .run = run_own_command,
                                             .log = [this](const LogEntry& entry) { log_(entry); },
                                             .state_folder = state_folder(invocation.session.environment),
                                             .host = host_name()}),
        recorder_({.board = board_,
                   .clock = clock_,
                   .run = run_own_command,
                   .log = [this](const LogEntry& entry) { log_(entry); },
                   .limits_of = [this](const std::string& path) { return recorded(*in_force_.load(), path); },
                   .folder = state_folder(invocation.session.environment) + "/flight"}) {}

  int run() {
    if (notify_.watchdog()) tick_ = std::min(tick_, *notify_.watchdog() / 3);
    log_({.event = "listening",
          .text = "answers at " + web_.address(),
          .fields = {{"address", web_.address()}}});
    while (!stop_.requested()) {
      wait(tick_, true);
      if (reload_.take()) {
        notify_.tell_reloading();
        daemon_.reload();
        ready_ = false;
      }
      daemon_.tick();
      tell_state();
    }
    return leave();
  }

 private:
  void use(const std::shared_ptr<const Configuration>& configuration) {
    in_force_ = configuration;
    last_in_force_.write(configuration->text);
    recorder_.limits_changed();
    try {
      web_.use(configuration->http);
      alerts_.use(configuration->alerts);
    } catch (const Error& error) {  // a token's file that went since it was read
      log_({.event = "warning", .severity = Severity::kWarning, .text = error.what()});
    }
  }

  void wait(milliseconds time, bool for_stop) {
    pollfd waiting[2] = {{reload_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
    ::poll(waiting, for_stop ? 2 : 0, static_cast<int>(time.count()));
  }

  void tell_state() {
    std::string state = notify_.is_asked_for() ? "STATUS=" + daemon_.summary() : "";
    if (state == told_) state.clear();
    if (!state.empty()) told_ = state;
    if (!ready_ && board_.started()) {
      ready_ = true;
      state += state.empty() ? "READY=1" : "\nREADY=1";
    }
    if (notify_.watchdog()) state += state.empty() ? "WATCHDOG=1" : "\nWATCHDOG=1";
    if (!state.empty()) notify_.tell(state);
  }

  // What is there is archived, or in a spool where a store hangs; connections are closed properly in any case
  // (FACTS 28).
  int leave() {
    notify_.tell("STOPPING=1");
    log_({.event = "stopping", .text = "stopping: archiving what is there"});
    daemon_.stop();
    const SteadyTime began = clock_.steady();
    std::optional<SteadyTime> let_go;
    bool hurried = false;
    while (!daemon_.has_left()) {
      wait(kTickWhileLeaving, false);
      daemon_.tick();
      if (notify_.watchdog()) notify_.tell("WATCHDOG=1");
      const SteadyTime now = clock_.steady();
      if (!hurried && (gate_.hurry || now - began > kStorePatience)) {
        hurried = true;
        daemon_.hurry();
      }
      if (!let_go && daemon_.has_let_go()) let_go = now;
      if (let_go && now - *let_go > kHungStore && !gate_.has_database_open) leave_stores();
    }
    log_({.event = "stopped", .text = "stopped"});
    return 0;
  }

  [[noreturn]] void leave_stores() {
    const std::vector<std::string> names = daemon_.not_left();
    std::string some;
    for (std::size_t i = 0; i < std::min(names.size(), kNamed); i++)
      some += (some.empty() ? "" : ", ") + names[i];
    if (names.size() > kNamed) some += ", ...";
    log_({.event = "stopped",
          .severity = Severity::kWarning,
          .text =
              fmt::format("stopped; {} store{} did not come back ({}): what is spooled is put there at the "
                          "next start, what else is missing is compared then",
                          names.size(), names.size() == 1 ? "" : "s", some),
          .fields = {{"stores_not_back", names}}});
    web_.close_door();
    gate_.ends = true;
    ::_exit(kNotAllLeft);
  }

  const Clock& clock_;
  const ServiceNotify& notify_;
  GateClock& gate_;
  SharedText& last_in_force_;
  const StopSignal stop_;
  ReloadSignal reload_;
  ServeLog log_;
  std::atomic<std::shared_ptr<const Configuration>> in_force_;
  StatusBoard board_;
  OpenGates gates_;
  Daemon daemon_;
  WebService web_;
  Alerts alerts_;
  FlightRecorder recorder_;
  milliseconds tick_ = kTick;
  bool ready_ = false;
  std::string told_;
};

int run_serve(const Invocation& invocation) {
  ServeMemory memory{.start = read_plan(invocation)};
  const ServePlan& plan = memory.start;
  if (invocation.flag("check-config")) return check_configuration(invocation, plan);
  find_members(plan.configuration);
  const std::string& state = plan.configuration->serve.state_folder;
  // For the commands that it runs, too.
  if (!state.empty()) ::setenv("LITEWRIGHT_STATE", state.c_str(), 1);
  raise_descriptor_limit();
  const ServiceNotify notify(invocation.session.environment);
  Output& output = invocation.session.output;
  SuperviseOptions options;
  options.reloads = true;
  options.notice = [&output](const char* text) { output.note(text); };
  return supervise(options, [&](GateClock& gate, int generation) {
    keep_heap_small();
    take_little_memory_for_connections();
    const ServePlan now = generation == 0 ? plan : plan_of_successor(plan, memory.last_in_force);
    return Serving(invocation, now, notify, gate, memory).run();
  });
}

}  // namespace

Command serve_command() {
  return {
      .name = "serve",
      .summary = "guard all databases of a machine",
      .description =
          "Archives every commit of all databases that litewright.toml names, as protect does for one; runs "
          "their maintenance by schedule; says what is wrong with which of them. In the foreground, until "
          "Ctrl-C or SIGTERM; a second one no longer waits for a store that hangs.\n\n"
          "What joins a glob or directory is guarded within seconds, what is deleted there leaves. SIGHUP "
          "reads the configuration anew: only what changed begins anew, and a file that can't be read leaves "
          "the old one in force. One database's trouble, or its store's, is a finding and keeps no other "
          "waiting.\n\n"
          "Under systemd it says when it is ready and how it is, and heeds the watchdog: "
          "deploy/systemd/litewright.service.",
      .options = {{.name = "config",
                   .value = "FILE",
                   .help = "litewright.toml (default ./, then /etc/litewright/)"},
                  {.name = "check-config", .help = "read it, say what it means now, and end"},
                  {.name = "log-format",
                   .value = "FORMAT",
                   .help = "text, or json: one object a line (default: [serve] log_format)",
                   .choices = {"text", "json"}}},
      .examples = {{"litewright serve --check-config", "is the file right, and whom does it mean?"},
                   {"litewright serve --config /etc/litewright/litewright.toml", "until Ctrl-C"}},
      .exit_statuses =
          {{1, "a store did not come back while stopping: it gets what is spooled for it at the next start"},
           {78, "the configuration is wrong"}},
      .run = run_serve};
}

}  // namespace litewright
