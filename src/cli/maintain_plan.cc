// `litewright maintain DB hourly|daily|weekly|monthly`: a plan's steps, each a command line of its own, with
// what was before and after; its run goes into the run history.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <nlohmann/json.hpp>
#include <set>

#include "archive/state_folder.h"
#include "base/checksum.h"
#include "base/durable_file.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/maintain_actions.h"
#include "config/configuration.h"
#include "operate/maintenance_plan.h"
#include "operate/service_command.h"
#include "schedule/run_history.h"

namespace litewright {
namespace {

using Json = nlohmann::ordered_json;

// Between the steps, and in those that can't be ended half-way: the application that was stopped is started
// again before this process ends. A step with a StopSignal of its own has it for that long.
class NotedSignals {
 public:
  NotedSignals() {
    noted = 0;
    struct sigaction note{};
    note.sa_handler = [](int) { noted = 1; };
    for (std::size_t i = 0; i < kSignals.size(); i++) ::sigaction(kSignals[i], &note, &before_[i]);
  }
  ~NotedSignals() {
    for (std::size_t i = 0; i < kSignals.size(); i++) ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  NotedSignals(NotedSignals&&) = delete;
  NotedSignals& operator=(NotedSignals&&) = delete;
  static bool came() { return noted != 0; }

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  static inline volatile std::sig_atomic_t noted = 0;
  struct sigaction before_[3] = {};
};

constexpr std::size_t kRunsKept = 1000;  // of each plan and database

std::string pages_text(const Json& wal) {
  return fmt::format("{} pages in the WAL ({})", wal.value("frames", 0),
                     format_size(wal.value("bytes", 0ULL)));
}

// One line: what it was before, what it is now.
std::string summary_of(const Json& document) {
  const std::string schema = document.value("schema", "");
  const std::string action = document.value("action", "");
  if (action == "checkpoint" && !document.value("has_wal", true)) return "no WAL";
  if (action == "checkpoint") {
    return fmt::format("{} -> {}", pages_text(document["before"]), pages_text(document["after"]));
  }
  if (action == "analyze" || action == "optimize") {
    const std::size_t left_out = document.contains("left_out") ? document["left_out"].size() : 0;
    return fmt::format("{} tables, {} statistics changed{}", document.value("tables", 0),
                       document["changes"].size(),
                       left_out > 0 ? fmt::format(", {} tables left to the application", left_out) : "");
  }
  if (action == "vacuum") {
    const std::string before = format_size(document["before"].value("bytes", 0ULL));
    if (!document.contains("after")) return fmt::format("{}, {}", before, document.value("why", ""));
    return fmt::format("{} -> {}", before, format_size(document["after"].value("bytes", 0ULL)));
  }
  if (action == "copies")
    return fmt::format("{} moved, {}", document.value("moved", 0),
                       format_size(document.value("bytes", 0ULL)));
  if (schema.find("/check/") != std::string::npos) {
    return fmt::format("{}, {} findings", document.value("verdict", ""), document["findings"].size());
  }
  if (schema.find("/backup/") != std::string::npos)
    return fmt::format("commit {}", document.value("txid", 0ULL));
  if (schema.find("/verify/") != std::string::npos) {
    return fmt::format("{} objects, {} damaged", document.value("objects", 0), document["damage"].size());
  }
  if (schema.find("/verify.drill/") != std::string::npos) return "restored and checked";
  if (schema.find("/stats/") != std::string::npos) {
    const double pages = std::max(document.value("pages", 0.0), 1.0);
    return fmt::format("{}, {:.1f} % free", format_size(document.value("bytes", 0ULL)),
                       100 * document.value("free_pages", 0.0) / pages);
  }
  return "";
}

// The command itself, with what it prints as JSON kept.
StepOutcome run_words(const PlanStep& step, const Session& outer) {
  const CommandTable table = make_command_table();
  char* text = nullptr;
  std::size_t length = 0;
  StepOutcome outcome;
  std::FILE* memory = ::open_memstream(&text, &length);
  if (memory == nullptr) throw error_from_errno(errno, "hold a step's output");
  try {
    const ParsedLine line = parse_command_line(table, step.words);
    Output output(memory, stderr,
                  {.command = line.command->name, .format = OutputFormat::kJson, .quiet = true});
    Session session{output, outer.clock, outer.environment};
    outcome.status = line.command->run({*line.command, session, line.values});
    output.flush();
  } catch (const Error& error) {
    outcome.status = error.exit_status();
    outcome.error = error.what();
  }
  std::fclose(memory);
  outcome.document.assign(text, length);
  std::free(text);
  const Json document = parse_ordered_json(outcome.document);
  if (document.is_object()) outcome.summary = summary_of(document);
  return outcome;
}

// What changed since the last time this was asked, kept in the state folder.
std::string schema_changes(const std::string& folder, const std::string& database,
                           const std::string& document) {
  const Json now = parse_ordered_json(document);
  if (!now.is_object()) return "";
  const std::string file =
      fmt::format("{}/schema-{:016x}.json", folder, checksum64(std::as_bytes(std::span(database))));
  std::set<std::string> before, after;
  const bool known = std::filesystem::exists(file);
  if (known) {
    const Json old = parse_ordered_json(read_whole_file(file, 64u << 20));
    for (const Json& statement : old["statements"]) before.insert(json_text(statement));
  }
  for (const Json& statement : now["statements"]) after.insert(json_text(statement));
  write_file_durably(file, std::as_bytes(std::span(document)));
  if (!known) return "noted; compared from the next time on";
  std::vector<std::string> changes;
  for (const std::string& statement : after) {
    if (!before.contains(statement)) changes.push_back("+ " + statement.substr(0, 60));
  }
  for (const std::string& statement : before) {
    if (!after.contains(statement)) changes.push_back("- " + statement.substr(0, 60));
  }
  return changes.empty() ? "unchanged since the last time" : fmt::format("{}", fmt::join(changes, "; "));
}

// One line a run: the seeds' health log.
void log_health(const std::string& folder, const std::string& database, const std::string& document) {
  const std::string file =
      fmt::format("{}/health-{:016x}.jsonl", folder, checksum64(std::as_bytes(std::span(database))));
  const FileDescriptor log = open_file(file, O_WRONLY | O_CREAT | O_APPEND);
  std::string_view left = document;
  while (!left.empty()) {
    const ssize_t n = ::write(log.get(), left.data(), left.size());
    if (n <= 0) throw error_from_errno(errno, "write " + file);
    left.remove_prefix(static_cast<std::size_t>(n));
  }
}

PlanWish plan_wish(const Invocation& invocation, const ArchivePlace& place) {
  const std::string named = invocation.value("ACTION").value_or("");
  PlanWish wish{.database = place.database.string()};
  for (const PlanName name : {PlanName::kHourly, PlanName::kDaily, PlanName::kWeekly, PlanName::kMonthly}) {
    if (plan_name(name) == named) wish.name = name;
  }
  wish.options = {"--archive", place.archive};
  wish.busy_hours = in_busy_hours(invocation, place);
  if (const auto config = invocation.value("config")) wish.config_options = {"--config", *config};
  const Configuration configuration = find_configuration(invocation.value("config"));
  if (const DatabaseSettings* settings = configuration.of(place.database)) {
    const auto command = [settings](const char* key) {
      const auto found = settings->service.find(key);
      return found == settings->service.end() ? std::string() : found->second;
    };
    wish.service_stop = command("stop");
    wish.service_start = command("start");
    wish.copies = settings->copies;
    wish.cold = settings->cold;
  }
  wish.has_archive = wish.name == PlanName::kDaily || wish.name == PlanName::kWeekly ||
                     !place.store->list("segments/").empty();
  return wish;
}

// As it can be pasted.
std::string command_of(const PlanStep& step) {
  if (!step.shell.empty()) return step.shell;
  std::string command = "litewright";
  for (const std::string& word : step.words) command += " " + shell_quoted(word);
  return command;
}

Json step_json(const StepReport& step) {
  Json json = {{"name", step.step.name},
               {"command", command_of(step.step)},
               {"result", step_result_name(step.result)},
               {"status", step.outcome.status},
               {"summary", step.outcome.summary},
               {"error", step.outcome.error},
               {"why", step.why},
               {"seconds", step.seconds.count()}};
  const Json document = parse_ordered_json(step.outcome.document);
  if (document.is_object()) json["document"] = document;
  return json;
}

std::vector<Finding> bad_findings(const StepReport& step) {
  std::vector<Finding> findings;
  const Json document = parse_ordered_json(step.outcome.document);
  if (!document.is_object() || !document.contains("findings")) return findings;
  for (const Json& one : document["findings"]) {
    if (auto finding = finding_from_json(one); finding && finding->severity >= Severity::kWarning)
      findings.push_back(std::move(*finding));
  }
  return findings;
}

// What is not well is said under --quiet, too.
void print_step(Output& output, const StepReport& step) {
  const std::string said = !step.why.empty()             ? step.why
                           : !step.outcome.error.empty() ? step.outcome.error
                                                         : step.outcome.summary;
  const std::string line = fmt::format("{:9} {:22} {:>8}  {}", step_result_name(step.result), step.step.name,
                                       seconds_text(step.seconds), said);
  if (step.result == StepReport::Result::kDone)
    output.line(line);
  else
    output.answer(line);
  output.findings(bad_findings(step));
  output.flush();
}

Json findings_of(const PlanReport& report) {
  Json findings = Json::array();
  for (const StepReport& step : report.steps) {
    const Json document = parse_ordered_json(step.outcome.document);
    if (!document.is_object() || !document.contains("findings")) continue;
    for (const Json& finding : document["findings"]) findings.push_back(finding);
  }
  return findings;
}

RunResult run_result(int status) {
  if (status == 0) return RunResult::kDone;
  return status <= 2 ? RunResult::kWarnings : RunResult::kFailed;
}

}  // namespace

namespace {

// That of the daemon, which made its row, or one of its own.
std::int64_t begin_run(const Invocation& invocation, RunHistory& history, const std::string& job,
                       const std::string& database) {
  const auto given = invocation.value("run");
  if (!given) {
    history.mark_interrupted();
    return history.begin(job, database, invocation.session.clock.wall(), 0).id;
  }
  std::int64_t run = 0;
  const auto [end, failure] = std::from_chars(given->data(), given->data() + given->size(), run);
  if (failure != std::errc{} || end != given->data() + given->size() || !history.adopt(run))
    throw Error(ErrorCode::kUsage, fmt::format("--run {} is no run that goes on", *given), "litewright runs");
  return run;
}

}  // namespace

int run_maintain_plan(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  const Session& session = invocation.session;
  const PlanWish wish = plan_wish(invocation, place);
  const std::vector<PlanStep> steps = plan_steps(wish);
  const std::string path = place.database.string();
  const std::string folder = state_folder(session.environment);
  if (invocation.flag("dry-run")) {
    for (const PlanStep& step : steps) {
      session.output.answer(command_of(step));
    }
    return 0;
  }
  RunHistory history(folder, session.clock);
  const std::string job(plan_name(wish.name));
  const std::int64_t run = begin_run(invocation, history, job, path);
  const StepRunner runner = [&](const PlanStep& step) {
    if (!step.shell.empty())
      return run_service_command(
          (step.always ? start_command : stop_command)(step.shell, NotedSignals::came));
    StepOutcome outcome = run_words(step, session);
    if (step.name == "schema") outcome.summary = schema_changes(folder, path, outcome.document);
    if (step.words[0] == "check") log_health(folder, path, outcome.document);
    return outcome;
  };
  const NotedSignals signals;
  const PlanReport report = run_plan(
      steps, session.clock, runner, [&session](const StepReport& step) { print_step(session.output, step); },
      [] { return NotedSignals::came(); });
  const Json findings = findings_of(report);
  const RunResult result = report.stopped ? RunResult::kInterrupted : run_result(report.exit_status());
  history.end(run, result, report.summary(), json_text(findings));
  history.forget(kRunsKept);
  session.output.line(fmt::format("{}: {} in {}", job, report.summary(), seconds_text(report.seconds)));
  Json document = maintain_document(place, job);
  document["run"] = run;
  document["summary"] = report.summary();
  document["seconds"] = report.seconds.count();
  document["steps"] = Json::array();
  for (const StepReport& step : report.steps) document["steps"].push_back(step_json(step));
  session.output.document(document);
  return report.exit_status();
}

}  // namespace litewright
