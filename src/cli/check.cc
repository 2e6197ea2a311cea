// litewright check: is this database healthy, and why not.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "archive/state_folder.h"
#include "base/process_table_linux.h"
#include "base/time_text.h"
#include "check/idle_thread_linux.h"
#include "cli/archive_place.h"
#include "cli/check_startup.h"
#include "cli/commands.h"
#include "cli/hard_stop.h"
#include "config/configuration.h"
#include "operate/database_kind.h"
#include "operate/health.h"
#include "operate/health_formats.h"
#include "sqlite/distrust.h"

namespace litewright {
namespace {

// "a,b" and repeated options alike.
std::vector<std::string> listed(const std::vector<std::string>& values) {
  std::vector<std::string> names;
  for (const std::string& value : values) {
    std::size_t begin = 0;
    while (begin <= value.size()) {
      const std::size_t end = std::min(value.find(',', begin), value.size());
      if (end > begin) names.push_back(value.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return names;
}

std::pair<std::string, std::string> name_and_value(const std::string& option, const std::string& text) {
  const auto equals = text.find('=');
  if (equals != std::string::npos && equals > 0) return {text.substr(0, equals), text.substr(equals + 1)};
  throw Error(ErrorCode::kUsage, fmt::format("--{} {}: no NAME=VALUE", option, text),
              "litewright help check");
}

std::uint64_t whole_number(const std::string& text) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos) {
    throw Error(ErrorCode::kUsage, "not a number: '" + text + "'");
  }
  return std::stoull(text);
}

// Without a place for it nothing is remembered; whether the database is well is said all the same.
std::string memory_folder(const Environment& environment) {
  try {
    return state_folder(environment);
  } catch (const Error&) {
    return {};
  }
}

HealthRequest health_request(const Invocation& invocation, const ArchivePlace& place) {
  HealthRequest request = {.path = place.database.string(),
                           .display = place.display,
                           .depth = invocation.flag("quick") ? CheckDepth::kQuick : CheckDepth::kFull,
                           .background = invocation.flag("background"),
                           .only = listed(invocation.all("only")),
                           .skip = listed(invocation.all("skip")),
                           .archive = place.store.get(),
                           .archive_name = place.archive,
                           .state_folder = memory_folder(invocation.session.environment)};
  const Configuration configuration = find_configuration(invocation.value("config"));
  if (const DatabaseSettings* settings = configuration.of(place.database)) {
    request.thresholds = settings->thresholds;
    request.min_rows = settings->min_rows;
    request.rules = settings->rules;
    if (!settings->journal_mode.empty()) request.journal_mode = settings->journal_mode;
  }
  if (const auto ceiling = invocation.value("wal-ceiling")) request.wal_ceiling = parse_size(*ceiling);
  for (const std::string& text : invocation.all("threshold")) {
    const auto [name, limits] = name_and_value("threshold", text);
    request.thresholds.set(name, limits);
  }
  for (const std::string& text : invocation.all("min-rows")) {
    const auto [table, rows] = name_and_value("min-rows", text);
    request.min_rows[table] = whole_number(rows);
  }
  return request;
}

void print_text(Output& output, const HealthReport& report) {
  output.findings(report.findings);
  for (const CheckRun& run : report.checks) {
    if (run.outcome == CheckRun::Outcome::kSkipped)
      output.line(fmt::format("skipped   {}: {}", run.name, run.why));
  }
  const Severity worst = worst_severity(report.findings);
  output.answer(output.paint(Output::ink_of(worst), verdict(report)));
}

// A remedy is a command line that exists: in this build, too.
void drop_remedies_not_built(HealthReport& report) {
  const CommandTable table = make_command_table();
  for (Finding& finding : report.findings) {
    constexpr std::string_view kProgram = "litewright ";
    if (!finding.remedy.starts_with(kProgram)) continue;
    const std::string rest = finding.remedy.substr(kProgram.size());
    const std::string command = rest.substr(0, rest.find(' '));
    if (std::ranges::find(table, command, &Command::name) == table.end()) finding.remedy.clear();
  }
}

// A monitoring system must not take silence for health.
void require_any_check(const HealthReport& report, Severity counts) {
  const auto is_done = [](const CheckRun& run) { return run.outcome == CheckRun::Outcome::kDone; };
  if (counts >= Severity::kWarning || std::ranges::any_of(report.checks, is_done)) return;
  throw Error(ErrorCode::kLocked,
              verdict(report) + (report.checks.empty() ? "" : ": " + report.checks.front().why));
}

// Another program's format, as it is.
void answer(Output& output, std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  output.answer(text);
}

int run_check(const Invocation& invocation) {
  if (invocation.flag("startup")) return run_startup(invocation);
  const std::string format =
      invocation.session.output.json() ? "json" : invocation.value("format").value_or("text");
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  HealthRequest request = health_request(invocation, place);
  limit_sqlite_memory(sqlite_memory_for(place.database));
  if (request.background) make_this_thread_idle();  // and so all that it starts
  std::optional<HardStop> stop(std::in_place, place.display, work_allowed(request) + HardStop::kLastWord);
  request.database_done = [&stop] { stop.reset(); };
  const LinuxProcessTable processes;
  HealthReport report = check_health(request, processes, invocation.session.clock);
  drop_remedies_not_built(report);
  const Severity worst = worst_severity(report.findings);
  const bool only_critical = invocation.value("fail-on") == "critical";
  const Severity counts = only_critical && worst < Severity::kCritical ? Severity::kOk : worst;
  Output& output = invocation.session.output;
  if (format == "text") print_text(output, report);
  if (format == "json") output.document(health_to_json(report));
  if (format == "nagios") require_any_check(report, counts);
  if (format == "nagios") answer(output, health_to_nagios(report, counts));
  if (format == "health+json") answer(output, health_to_health_json(report));
  if (format == "prometheus") answer(output, health_to_prometheus(report));
  return exit_status(counts);
}

std::string check_list() {
  std::string text = "The checks, by the names that --only and --skip take:";
  for (const HealthCheckName& check : health_checks())
    text += fmt::format(" {} ({});", check.name, check.what);
  text.back() = '.';
  return text;
}

}  // namespace

Command check_command() {
  return with_database(
      {.name = "check",
       .summary = "is the database healthy, and why not",
       .description = "Looks at the content, the sizes, the surroundings and the archive, and says what is "
                      "wrong, the worst "
                      "first, with the command that mends it. Nothing is written to the database. Full by "
                      "default; --quick "
                      "leaves out what reads every index and every child row.\n\n" +
                      check_list(),
       .options =
           {{.name = "quick", .help = "leave out the agreement of indexes, and keys"},
            {.name = "full", .help = "everything (the default)"},
            {.name = "background", .help = "one idle-class thread: slower, and in nobody's way"},
            {.name = "wal-ceiling",
             .value = "SIZE",
             .help =
                 "the most of the WAL that reading may pin (default 1GiB); beyond it the check is skipped"},
            {.name = "only",
             .value = "CHECKS",
             .help = "these checks alone: integrity,foreign-keys",
             .repeatable = true},
            {.name = "skip", .value = "CHECKS", .help = "all but these", .repeatable = true},
            {.name = "fail-on",
             .value = "SEVERITY",
             .help = "what makes the exit status other than 0 (default warning)",
             .choices = {"warning", "critical"}},
            {.name = "format",
             .value = "FORMAT",
             .help = "how it is printed (default text)",
             .choices = {"text", "json", "nagios", "health+json", "prometheus"}},
            {.name = "threshold",
             .value = "NAME=W,C",
             .help = "other limits: wal=200MB,400MB; off for none",
             .repeatable = true},
            {.name = "min-rows",
             .value = "TABLE=N",
             .help = "the table must have N rows at least",
             .repeatable = true},
            {.name = "config",
             .value = "FILE",
             .help = "litewright.toml (default ./, then /etc/litewright/)"},
            {.name = "startup", .help = "may the application start on it? heeds DB_RESET=1"},
            {.name = "schema", .value = "FILE", .help = "with --startup: SQL whose tables must be there"},
            {.name = "budget",
             .value = "TIME",
             .help = "with --startup: how long the pages may be looked through (default 5s)"}},
       .examples = {{"litewright check app.db", "everything"},
                    {"litewright check app.db --quick --skip locks", "a look every few hours"},
                    {"litewright check app.db --only integrity,foreign-keys", "the content alone"},
                    {"litewright check app.db --format nagios --fail-on critical", "for a monitoring system"},
                    {"litewright check app.db --startup --schema schema.sql",
                     "before the application starts"}},
       .exit_statuses = {{1, "warnings"},
                         {2, "critical findings"},
                         {3, "with --format nagios: it could not be checked"}},
       .run = run_check});
}

}  // namespace litewright
