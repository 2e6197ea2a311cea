#include "operate/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/error.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "operate/database_kind.h"
#include "operate/health_context.h"
#include "sqlite/distrust.h"

namespace litewright {
namespace {

// In the background time matters less than the writers: see PageSnapshot.
constexpr std::chrono::milliseconds kBackgroundPatience{1'500};

struct Step {
  HealthCheckName name;
  void (*run)(HealthContext&);
  bool full_only = false;
  bool of_archive = false;  // comes last; what it takes depends on the archive's size, not the database's
};

// First what needs the locks: looking at them opens the files, which a process that has a connection must not
// do (FACTS 7). The long readings come next, on one snapshot.
constexpr std::array<Step, 16> kSteps = {{
    {{"locks", "who writes, who reads since when, who pins the WAL"}, look_at_holders},
    {{"engine", "SQLite libraries that wrote the file or have it open"}, look_at_engine},
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
    {{"archive", "age of the backup and of its last proof"}, look_at_archive, false, true},
    {{"bit-rot", "pages that changed without a commit"}, look_for_bit_rot, true, true},
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
  const UncountedWork of_the_machine;
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
                 .remedy = "litewright locks " + shell_quoted(context.request.display)});
    return "the database is locked";
  }
  if (error.code() == ErrorCode::kPermission) throw error;  // nothing can be told: that is no "ok"
  if (error.code() != ErrorCode::kDamaged && error.code() != ErrorCode::kIo) return "";
  context.close();  // nothing more is asked
  const std::string disk = disk_failure(context.request.path);
  if (error.code() == ErrorCode::kDamaged && disk.empty()) {
    context.add({.id = "database.damaged",
                 .severity = Severity::kCritical,
                 .meaning = fmt::format("SQLite can't read it: {}", error.what()),
                 .remedy = "litewright restore " + shell_quoted(context.request.display)});
    return "the database is damaged";
  }
  context.add(
      {.id = "database.io",
       .severity = Severity::kCritical,
       .meaning = fmt::format("it could not be read: {}", disk.empty() ? std::string(error.what()) : disk)});
  return "the database could not be read";
}

// Said once; what comes after it is skipped.
std::string cut_off(HealthContext& context, const Step& step) {
  if (step.of_archive || !context.limit.spent()) return "";
  const auto is_said = [](const Finding& finding) { return finding.id == "check.cut_off"; };
  if (std::ranges::none_of(context.report.findings, is_said)) {
    context.add({.id = "check.cut_off",
                 .severity = Severity::kCritical,
                 .figures = {{"cpu_seconds", std::chrono::duration<double>(context.limit.cpu()).count()}},
                 .meaning =
                     "the check gave up: the file asks for far more work than any database of its size "
                     "needs; do not trust it"});
  }
  return "the check gave up before";
}

CheckRun run_step(const Step& step, HealthContext& context, std::string& hindered) {
  CheckRun run = {.name = std::string(step.name.name)};
  const SteadyTime began = context.clock.steady();
  const auto skipped = [&run](const std::string& why) {
    run.outcome = CheckRun::Outcome::kSkipped;
    run.why = why;
  };
  if (const std::string why = cut_off(context, step); !why.empty()) {
    skipped(why);
    return run;
  }
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
    std::string why = cut_off(context, step);
    if (why.empty() && step.run == look_at_archive) {
      context.add({.id = "archive.unreachable",
                   .severity = Severity::kWarning,
                   .object = context.request.archive_name,
                   .meaning = fmt::format("the archive could not be looked at: {}", error.what()),
                   .remedy = "litewright log " + shell_quoted(context.request.display)});
    } else if (why.empty() && touches_database && !step.of_archive) {
      why = hindrance(context, error);
      if (!why.empty()) hindered = why;
    }
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

std::chrono::milliseconds work_allowed(const HealthRequest& request) {
  return work_for(request.path) + request.rules.size() * UserRuleOptions{}.deadline;
}

Connection& HealthContext::connection() {
  if (!reader) {
    reader = std::make_unique<SafeReader>(request.path, clock);
    limit_value_length(reader->connection(), content_bytes(request.path));
    watch_connection();
  }
  return reader->connection();
}

void HealthContext::watch_connection() {
  reader_deadline.reset();
  if (reader) reader_deadline = std::make_unique<ConnectionDeadline>(reader->connection(), give_up());
}

PageSnapshot& HealthContext::pages() {
  // The reader lives longest: opened first, it is the one that takes away a -wal that SQLite made for us.
  connection();
  if (!snapshot) {
    snapshot = std::make_unique<PageSnapshot>(
        request.path, clock, request.background ? kBackgroundPatience : std::chrono::milliseconds(0));
    distrust_content(snapshot->connection());
    limit_value_length(snapshot->connection(), content_bytes(request.path));
  }
  return *snapshot;
}

void HealthContext::drop_pages() {
  snapshot_schema.reset();
  snapshot.reset();
}

void HealthContext::close() {
  drop_pages();
  reader_deadline.reset();
  reader.reset();
}

const SchemaMap& HealthContext::schema_map_of_pages() {
  if (!snapshot_schema) snapshot_schema = read_schema_map(pages().connection());
  return *snapshot_schema;
}

const SchemaMap& HealthContext::schema_map() {
  if (!schema) schema = read_schema_map(connection());
  return *schema;
}

const DatabaseStats& HealthContext::statistics() {
  connection();  // waits for a lock no longer than a look may
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
  const WorkLimit limit(work_allowed(request));
  HealthContext context = {request, processes, clock, report, limit};
  std::string hindered;
  if (const auto finding = require_database_content(request.path)) context.add(*finding);
  if (const auto finding = hot_journal(request.path)) {
    hindered = "a crash's journal waits to be rolled back";
    context.add(*finding);
  }
  for (const Step& step : kSteps) {
    if (!is_asked_for(request, step)) continue;
    if (step.of_archive && request.database_done) request.database_done();
    report.checks.push_back(run_step(step, context, hindered));
    // Nothing is pinned longer than needed.
    if (step.run == check_rules_step || request.background) context.drop_pages();
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
  const auto is_done = [](const CheckRun& run) { return run.outcome == CheckRun::Outcome::kDone; };
  const bool any = std::ranges::any_of(report.checks, is_done);
  std::string text = critical + warnings > 0 ? "" : any ? "ok" : "nothing was checked";
  if (critical > 0) text += fmt::format("{} critical", critical);
  if (warnings > 0) {
    text += fmt::format("{}{} warning{}", critical > 0 ? ", " : "", warnings, warnings == 1 ? "" : "s");
  }
  std::size_t done = 0;
  std::string skipped;
  for (const CheckRun& run : report.checks) {
    if (is_done(run))
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
