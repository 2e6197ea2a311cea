#include "check/foreign_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/shell_words.h"
#include "check/foreign_keys_scan.h"
#include "check/foreign_keys_sql.h"
#include "sqlite/connection_deadline.h"

namespace litewright {
namespace {

Finding finding_of(const ForeignKeyResult& result, const std::string& database) {
  return {.database = database,
          .object = fmt::format("{}({}) -> {}", result.table, result.columns, result.parent)};
}

std::string rows_text(const ForeignKeyResult& result) {
  return fmt::format("{}{}", fmt::join(result.rows, ", "), result.orphans > result.rows.size() ? ", …" : "");
}

Finding orphans_finding(const ForeignKeyResult& result, const std::string& database) {
  Finding finding = finding_of(result, database);
  finding.id = "foreign_keys.orphans";
  finding.severity = Severity::kCritical;
  finding.figures = {{"orphans", static_cast<std::int64_t>(result.orphans)},
                     {"rows", rows_text(result)},
                     {"key", std::int64_t{result.id}}};
  finding.meaning =
      result.parent_missing
          ? fmt::format("rows of {} point at {}, a table that does not exist", result.table, result.parent)
          : fmt::format("rows of {} point at rows of {} that do not exist", result.table, result.parent);
  finding.remedy = fmt::format("litewright maintain {} orphans --table {}", shell_quoted(database),
                               shell_quoted(result.table));
  return finding;
}

Finding mismatch_finding(const ForeignKeyResult& result, const std::string& database) {
  Finding finding = finding_of(result, database);
  finding.id = "foreign_keys.mismatch";
  finding.severity = Severity::kCritical;
  finding.meaning = fmt::format(
      "the columns that it names in {} are no primary key and have no unique index: SQLite can't check it, "
      "and "
      "with foreign_keys=ON refuses to change either table (foreign key mismatch)",
      result.parent);
  return finding;
}

Finding info_finding(const ForeignKeyResult& result, const std::string& database, std::string id,
                     std::string meaning) {
  Finding finding = finding_of(result, database);
  finding.id = std::move(id);
  finding.severity = Severity::kInfo;
  finding.meaning = std::move(meaning);
  return finding;
}

void add_findings(const ForeignKeyResult& result, const std::string& database,
                  std::vector<Finding>& findings) {
  if (result.state == ForeignKeyResult::State::kMismatch) {
    findings.push_back(mismatch_finding(result, database));
    return;
  }
  if (result.state == ForeignKeyResult::State::kDamaged) {
    Finding finding = info_finding(result, database, "foreign_keys.damaged", "not checked: " + result.reason);
    finding.severity = Severity::kCritical;
    findings.push_back(std::move(finding));
    return;
  }
  if (result.state == ForeignKeyResult::State::kUnchecked) {
    findings.push_back(
        info_finding(result, database, "foreign_keys.unchecked", "not checked: " + result.reason));
    return;
  }
  if (result.orphans > 0) {
    findings.push_back(orphans_finding(result, database));
  } else if (result.parent_missing) {
    findings.push_back(info_finding(
        result, database, "foreign_keys.parent_missing",
        fmt::format("{} does not exist: with foreign_keys=ON no row can point at it", result.parent)));
  }
  if (!result.child_index && !result.parent_missing) {
    findings.push_back(info_finding(
        result, database, "foreign_keys.no_index",
        fmt::format("no index of {} begins with {}: each row of {} that is deleted or gets another key reads "
                    "all of {}",
                    result.table, result.columns, result.parent, result.table)));
  }
}

}  // namespace

std::vector<ForeignKeyResult> check_foreign_keys(PageSource& source, const SchemaMap& map,
                                                 const ForeignKeyOptions& options) {
  std::size_t keys = 0;
  for (const SchemaTable& table : map.tables) keys += table.foreign_keys.size();
  std::vector<ForeignKeyResult> results;
  results.reserve(keys);  // the tasks point into it
  std::vector<ForeignKeyTask> tasks;
  for (const SchemaTable& table : map.tables) {
    for (const SchemaForeignKey& key : table.foreign_keys) {
      const ParentKey parent = find_parent_key(map, key);
      ForeignKeyResult& result = results.emplace_back();
      result.table = table.name;
      result.id = key.id;
      result.columns = key_columns_text(table, key);
      result.parent = key.parent;
      result.parent_missing = parent.kind == ParentKey::Kind::kMissingTable;
      result.child_index = has_child_index(table, key);
      if (parent.kind == ParentKey::Kind::kMismatch) {
        result.state = ForeignKeyResult::State::kMismatch;
      } else {
        tasks.push_back({&table, &key, parent, &result});
      }
    }
  }
  const ConnectionDeadline watch(*source.connection(), options.give_up);
  const std::vector<ForeignKeyTask> left = scan_foreign_keys(source, map, tasks, options);
  for (const ForeignKeyTask& task : left) check_key_by_sql(*source.connection(), task, options.rows_named);
  return results;
}

std::vector<ForeignKeyResult> check_foreign_keys(PageSnapshot& snapshot, const SchemaMap& map,
                                                 const ForeignKeyOptions& options) {
  SnapshotPages pages(snapshot);
  return check_foreign_keys(pages, map, options);
}

std::vector<Finding> foreign_key_findings(const std::vector<ForeignKeyResult>& results,
                                          const std::string& database) {
  std::vector<Finding> findings;
  for (const ForeignKeyResult& result : results) add_findings(result, database, findings);
  return findings;
}

}  // namespace litewright
