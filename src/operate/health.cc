#include "operate/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/error.h"
#include "base/time_text.h"
#include "operate/database_kind.h"
#include "operate/health_context.h"

namespace litewright {
namespace {

struct Step {
  HealthCheckName name;
  void (*run)(HealthContext&);
  bool full_only = false;
};

// The locks come first: looking at them opens the files, which a process that has a connection must not do
// (FACTS 7). The long readings come next, on one snapshot.
constexpr std::array<Step, 16> kSteps = {{
    {{"locks", "who writes, who reads since when, who pins the WAL"}, look_at_holders},
    {{"integrity", "every page, every key, every index against its table"}, check_integrity_step},
    {{"foreign-keys", "rows that point at nothing"}, check_foreign_keys_step, true},
    {{"hierarchy", "orphans and circles of keys into their own table"}, check_hierarchy_step, true},
    {{"rules", "rules of your own, and the least rows of tables"}, check_rules_step},
    {{"size", "size of the database"}, measure_size},
    {{"wal", "size of the WAL"}, measure_wal},
    {{"free-pages", "share of free pages"}, measure_free_pages},
    {{"disk", "room on the disk, and when it will be full"}, measure_disk},
    {{"clock", "the machine's clock against the file's times"}, measure_clock},
    {{"settings", "journal mode, page size, auto_vacuum"}, look_at_settings},
    {{"indexes", "duplicate and redundant indexes"}, look_at_indexes},
    {{"statistics", "the planner's statistics: missing, old"}, look_at_statistics},
    {{"engine", "SQLite libraries that wrote the file or have it open"}, look_at_engine},
    {{"archive", "age of the backup and of its last proof"}, look_at_archive},
    {{"bit-rot", "pages that changed without a commit"}, look_for_bit_rot, true},
}};

bool holds(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_asked_for(const HealthRequest& request, const Step& step) {
  if (holds(request.skip, step.name.name)) return false;
  if (!request.only.empty()) return holds(request.only, step.name.name);
  return request.depth == CheckDepth::kFull || !step.full_only;
}

std::string lock_owner(const HealthContext& context) {
  const FileHolders found = context.processes.who_has_open(
      {context.request.path, context.request.path + "-shm"}, OwnProcess::kExclude);
  for (const FileHolder& holder : found.holders) {
    for (const HeldFile& file : holder.files) {
      const auto writes = [](const HeldLock& lock) { return lock.mode == HeldLock::Mode::kWrite; };
      if (std::ranges::any_of(file.locks, writes)) return describe(holder);
    }
  }
  return "";
}

// What keeps a check from being made is a finding of its own, once; the steps that need the same are skipped.
std::string hindrance(HealthContext& context, const Error& error) {
  if (error.code() == ErrorCode::kLocked) {
    const std::string owner = lock_owner(context);
    context.add({.id = "database.locked",
                 .severity = Severity::kCritical,
                 .object = owner,
                 .meaning = fmt::format(
                     "database is locked: {}",
                     owner.empty() ? error.what() : "it is held exclusively, nobody else can read it"),
                 .remedy = "litewright locks " + context.request.display});
    return "the database is locked";
  }
  if (error.code() == ErrorCode::kDamaged) {
    context.add({.id = "database.damaged",
                 .severity = Severity::kCritical,
                 .meaning = fmt::format("SQLite can't read it: {}", error.what()),
                 .remedy = "litewright restore " + context.request.display});
    return "the database is damaged";
  }
  if (error.code() == ErrorCode::kIo) {
    context.add({.id = "database.io",
                 .severity = Severity::kCritical,
                 .meaning = fmt::format("it could not be read: {}", error.what())});
    return "the database could not be read";
  }
  return "";
}

CheckRun run_step(const Step& step, HealthContext& context, std::string& hindered) {
  CheckRun run = {.name = std::string(step.name.name)};
  const SteadyTime began = context.clock.steady();
  const auto skipped = [&run](const std::string& why) {
    run.outcome = CheckRun::Outcome::kSkipped;
    run.why = why;
  };
  const bool touches_database = step.run != look_at_holders && step.run != measure_disk &&
                                step.run != measure_clock && step.run != look_at_archive;
  if (touches_database && !hindered.empty()) {
    skipped(hindered);
    return run;
  }
  try {
    step.run(context);
  } catch (const StepSkipped& reason) {
    skipped(reason.why);
  } catch (const Error& error) {
    const std::string why = touches_database ? hindrance(context, error) : "";
    if (!why.empty()) hindered = why;
    skipped(why.empty() ? error.what() : why);
  }
  run.seconds = std::chrono::duration<double>(context.clock.steady() - began).count();
  return run;
}

std::size_t count(const HealthReport& report, Severity severity) {
  return static_cast<std::size_t>(std::ranges::count(report.findings, severity, &Finding::severity));
}

}  // namespace

std::span<const HealthCheckName> health_checks() {
  static constexpr auto kNames = [] {
    std::array<HealthCheckName, kSteps.size()> names{};
    for (std::size_t i = 0; i < kSteps.size(); i++) names[i] = kSteps[i].name;
    return names;
  }();
  return kNames;
}

void require_check_names(const HealthRequest& request) {
  for (const auto* names : {&request.only, &request.skip}) {
    for (const std::string& name : *names) {
      const auto same = [&name](const HealthCheckName& known) { return known.name == name; };
      if (std::ranges::any_of(health_checks(), same)) continue;
      std::string all;
      for (const HealthCheckName& known : health_checks())
        all += fmt::format("{}{}", all.empty() ? "" : ", ", known.name);
      throw Error(ErrorCode::kUsage, fmt::format("no check is named '{}'", name), "there are " + all);
    }
  }
}

Connection& HealthContext::connection() {
  if (!reader) reader = std::make_unique<SafeReader>(request.path, clock);
  return reader->connection();
}

PageSnapshot& HealthContext::pages() {
  // The reader lives longest: opened first, it is the one that takes away a -wal that SQLite made for us.
  connection();
  if (!snapshot) snapshot = std::make_unique<PageSnapshot>(request.path, clock);
  return *snapshot;
}

const SchemaMap& HealthContext::schema_map() {
  if (!schema) schema = read_schema_map(connection());
  return *schema;
}

const DatabaseStats& HealthContext::statistics() {
  if (!stats) stats = read_database_stats(request.path, std::chrono::milliseconds(0));
  return *stats;
}

void HealthContext::add(Finding finding) {
  finding.database = report.database;
  report.findings.push_back(std::move(finding));
}

HealthReport check_health(const HealthRequest& request, const ProcessTable& processes, const Clock& clock) {
  require_check_names(request);
  HealthReport report = {.database = request.display,
                         .depth = request.depth,
                         .checked_at = clock.wall(),
                         .thresholds = request.thresholds};
  const SteadyTime began = clock.steady();
  HealthContext context = {request, processes, clock, report};
  std::string hindered;
  if (const auto finding = require_database_content(request.path)) context.add(*finding);
  if (const auto finding = hot_journal(request.path)) {
    hindered = "a crash's journal waits to be rolled back";
    context.add(*finding);
  }
  for (const Step& step : kSteps) {
    if (!is_asked_for(request, step)) continue;
    report.checks.push_back(run_step(step, context, hindered));
    if (step.run == check_rules_step) context.snapshot.reset();  // nothing is pinned longer than needed
  }
  for (Finding& finding : judge(report.figures, request.thresholds, report.database)) {
    report.findings.push_back(std::move(finding));
  }
  std::ranges::stable_sort(report.findings, std::greater<>(), &Finding::severity);
  report.seconds = std::chrono::duration<double>(clock.steady() - began).count();
  return report;
}

std::string verdict(const HealthReport& report) {
  const std::size_t critical = count(report, Severity::kCritical);
  const std::size_t warnings = count(report, Severity::kWarning);
  std::string text = critical + warnings == 0 ? "ok" : "";
  if (critical > 0) text += fmt::format("{} critical", critical);
  if (warnings > 0) {
    text += fmt::format("{}{} warning{}", critical > 0 ? ", " : "", warnings, warnings == 1 ? "" : "s");
  }
  std::size_t done = 0;
  std::string skipped;
  for (const CheckRun& run : report.checks) {
    if (run.outcome == CheckRun::Outcome::kDone)
      done++;
    else
      skipped += fmt::format("{}{}", skipped.empty() ? "" : ", ", run.name);
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(report.seconds));
  return fmt::format("{}: {} ({} checks{}, {}{})", report.database, text, done,
                     report.depth == CheckDepth::kQuick ? ", quick" : "", format_duration(took),
                     skipped.empty() ? "" : "; skipped: " + skipped);
}

}  // namespace litewright
