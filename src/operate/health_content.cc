// The steps that read content: integrity, foreign keys, hierarchies, rules.
#include <fmt/format.h>

#include <atomic>

#include "base/error.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "check/foreign_keys.h"
#include "check/hierarchy.h"
#include "check/integrity.h"
#include "operate/health_context.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

void check_least_rows(HealthContext& context) {
  for (const auto& [table, least] : context.request.min_rows) {
    const SchemaTable* known = context.schema_map().table(table);
    if (known == nullptr) {
      context.add({.id = "table.missing",
                   .severity = Severity::kCritical,
                   .object = table,
                   .meaning = "table does not exist: " + table,
                   .remedy = "litewright tables " + shell_quoted(context.request.display)});
      continue;
    }
    const std::string query =
        fmt::format("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {})", quoted_name(table), least);
    const std::int64_t rows = context.connection().query_integer(query).value_or(0);
    if (static_cast<std::uint64_t>(rows) >= least) continue;
    context.add({.id = "rows.few",
                 .severity = Severity::kCritical,
                 .object = table,
                 .figures = {{"rows", rows}, {"least", static_cast<std::int64_t>(least)}},
                 .meaning = "the table has fewer rows than it must have",
                 .remedy = "litewright log " + shell_quoted(context.request.display)});
  }
}

// Ends a long reading that does more than a sound file can ask for, or whose read mark pins more of the WAL
// than it may: nothing behind the mark can be copied back meanwhile.
class Patience {
 public:
  explicit Patience(HealthContext& context) : context_(context), pages_(context.pages()) {}

  // For any thread.
  std::function<bool()> give_up() {
    return [this] { return context_.limit.spent() || pins_too_much(); };
  }

  template <class Reading>
  auto during(const Reading& reading) {
    try {
      return reading();
    } catch (const Error&) {
      if (!too_much_) throw;
      context_.drop_pages();
      throw StepSkipped{
          fmt::format("its read mark pinned more than {} of the WAL: check when less is "
                      "written, or raise --wal-ceiling",
                      format_size(context_.request.wal_ceiling))};
    }
  }

 private:
  bool pins_too_much() {
    constexpr std::uint32_t kAskedBetweenLooks = 64;
    if (!too_much_ && asked_++ % kAskedBetweenLooks == 0 &&
        pages_.hold().pinned_bytes > context_.request.wal_ceiling) {
      too_much_ = true;
    }
    return too_much_;
  }

  HealthContext& context_;
  PageSnapshot& pages_;
  std::atomic<bool> too_much_ = false;
  std::atomic<std::uint32_t> asked_ = 0;
};

}  // namespace

void check_integrity_step(HealthContext& context) {
  SnapshotPages pages(context.pages());
  Patience patience(context);
  const IntegrityOptions options = {
      .database = context.report.database,
      .agreement = context.request.depth == CheckDepth::kFull,
      .background = context.request.background,
      .give_up = patience.give_up(),
      .mend_index = "litewright maintain " + shell_quoted(context.request.display) + " reindex",
      .mend_unused = "litewright maintain " + shell_quoted(context.request.display) + " vacuum",
      .mend_page = "litewright restore " + shell_quoted(context.request.display)};
  IntegrityReport report =
      patience.during([&] { return check_integrity(pages, context.schema_map_of_pages(), options); });
  for (Finding& finding : report.findings) context.report.findings.push_back(std::move(finding));
  if (report.findings_left_out == 0) return;
  context.add({.id = "integrity.more",
               .severity = Severity::kCritical,
               .figures = {{"findings", static_cast<std::int64_t>(report.findings_left_out)}},
               .meaning = "there is more damage than is listed"});
}

void check_foreign_keys_step(HealthContext& context) {
  Patience patience(context);
  ForeignKeyOptions options = {.give_up = patience.give_up()};
  if (context.request.background) options.threads = 1;
  const auto results = patience.during(
      [&] { return check_foreign_keys(context.pages(), context.schema_map_of_pages(), options); });
  for (Finding& finding : foreign_key_findings(results, context.report.database)) {
    context.report.findings.push_back(std::move(finding));
  }
}

// Where foreign keys are checked too, orphans are theirs.
void check_hierarchy_step(HealthContext& context) {
  bool keys_too = false;
  for (const CheckRun& run : context.report.checks) {
    keys_too = keys_too || (run.name == "foreign-keys" && run.outcome == CheckRun::Outcome::kDone);
  }
  const auto results = check_hierarchies(context.connection(), context.schema_map(), {});
  for (Finding& finding :
       hierarchy_findings(results, context.report.database,
                          keys_too ? HierarchyOrphans::kLeaveOut : HierarchyOrphans::kGive)) {
    context.report.findings.push_back(std::move(finding));
  }
}

void check_rules_step(HealthContext& context) {
  check_least_rows(context);
  if (context.request.rules.empty()) return;
  for (Finding& finding : check_user_rules(context.connection(), context.clock, context.request.rules, {},
                                           context.report.database)) {
    context.report.findings.push_back(std::move(finding));
  }
  context.watch_connection();  // each rule had a deadline of its own
}

}  // namespace litewright
