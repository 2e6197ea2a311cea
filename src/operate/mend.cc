#include "operate/mend.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "check/foreign_keys.h"
#include "check/parent_key.h"
#include "check/row_name.h"
#include "check/table_options.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

// "ON t(a COLLATE NOCASE, b DESC)", for an index that a constraint made.
std::string written_out(const SchemaTable& table, const SchemaIndex& index) {
  std::vector<std::string> columns;
  for (std::size_t i = 0; i < index.key_columns; i++) {
    const IndexColumn& column = index.columns[i];
    columns.push_back(fmt::format("{} COLLATE {}{}", quoted_name(table.columns[column.column].name),
                                  quoted_name(column.collation), column.descending ? " DESC" : ""));
  }
  return fmt::format("ON {}({})", quoted_name(table.name), fmt::join(columns, ", "));
}

ReindexTarget target_of(const SchemaTable& table, const SchemaIndex& index) {
  return {.index = index.name,
          .table = table.name,
          .unique = index.unique,
          .definition = index.sql.empty() ? written_out(table, index) : index_definition(index.sql)};
}

// Structural faults ("Page 7: …", "On tree page 5 …") name pages, not indexes: then every index of the table
// counts as damaged.
bool is_damaged(const SchemaIndex& index, const std::vector<std::string>& faults) {
  return std::ranges::any_of(faults, [&](const std::string& fault) {
    return fault.ends_with("index " + index.name) || fault.find("age ") != std::string::npos;
  });
}

std::vector<std::string> row_key(const SchemaTable& table) {
  if (!table.without_rowid) return {table.rowid_name()};
  std::vector<std::string> names;
  for (const std::size_t column : key_order(table)) names.push_back(table.columns[column].name);
  return names;
}

// Every row of `dependent` beside the row of `table` that it points at.
std::vector<std::string> referencing(const SchemaMap& map, const SchemaTable& table) {
  std::vector<std::string> clauses;
  for (const SchemaTable& dependent : map.tables) {
    for (const SchemaForeignKey& key : dependent.foreign_keys) {
      ParentKey parent = find_parent_key(map, key);
      const bool has_key = parent.kind == ParentKey::Kind::kRowid || parent.kind == ParentKey::Kind::kIndex;
      if (parent.table != &table || !has_key) continue;
      clauses.push_back(fmt::format("main.{} AS d CROSS JOIN main.{} AS c ON {}", quoted_name(dependent.name),
                                    quoted_name(table.name), parent_join(dependent, parent, "d", "c")));
    }
  }
  return clauses;
}

OrphanKey orphan_key(const SchemaMap& map, const SchemaTable& table, const SchemaForeignKey& key) {
  OrphanKey orphans{.table = table.name, .columns = key_columns_text(table, key), .parent = key.parent};
  orphans.condition = orphan_condition(table, key, find_parent_key(map, key));
  orphans.row_key = row_key(table);
  for (const std::size_t column : key.columns) {
    const SchemaColumn& one = table.columns[column];
    const bool in_key = table.rowid_alias == column || (table.without_rowid && one.key_position > 0);
    if (!one.not_null && !in_key && one.generated == GeneratedKind::kNone)
      orphans.nullable.push_back(one.name);
  }
  for (const SchemaColumn& column : table.columns) {
    if (column.generated == GeneratedKind::kNone) orphans.stored.push_back(column.name);
  }
  orphans.pointed_at = referencing(map, table);
  return orphans;
}

}  // namespace

ReindexPlan plan_reindex(Connection& connection, const ReindexWish& wish) {
  const SchemaMap map = read_schema_map(connection);
  ReindexPlan plan;
  bool known = wish.name.empty();
  for (const SchemaTable& table : map.tables) {
    const bool whole_table = wish.name.empty() || same_name(table.name, wish.name);
    known |= whole_table;
    std::vector<const SchemaIndex*> chosen;
    for (const SchemaIndex& index : table.indexes) {
      known |= same_name(index.name, wish.name);
      if (index.root_page == table.root_page) continue;
      if (whole_table || same_name(index.name, wish.name)) chosen.push_back(&index);
    }
    if (chosen.empty()) continue;
    std::vector<std::string> faults;
    if (wish.damaged) faults = table_faults(connection, table.name);
    for (const SchemaIndex* index : chosen) {
      if (!wish.damaged || is_damaged(*index, faults)) plan.targets.push_back(target_of(table, *index));
    }
    plan.faults.insert(plan.faults.end(), faults.begin(), faults.end());
  }
  if (known) return plan;
  throw Error(ErrorCode::kUsage, fmt::format("{}: no index or table {}", connection.path(), wish.name),
              "the name as the schema has it, or none: all indexes");
}

std::vector<OrphanKey> find_orphan_keys(const std::string& database, const Clock& clock,
                                        const std::string& table) {
  PageSnapshot snapshot(database, clock);
  const SchemaMap map = read_schema_map(snapshot.connection());
  if (!table.empty() && map.table(table) == nullptr) {
    throw Error(ErrorCode::kUsage, fmt::format("{}: no table {}", database, table),
                "which rows point at nothing: litewright maintain DB orphans");
  }
  std::vector<OrphanKey> keys;
  for (const ForeignKeyResult& result : check_foreign_keys(snapshot, map, {})) {
    if (!table.empty() && !same_name(result.table, table)) continue;
    if (result.state == ForeignKeyResult::State::kDamaged) {
      throw Error(ErrorCode::kDamaged, fmt::format("{}: {}", database, result.reason),
                  "mend that first: litewright check DB");
    }
    if (result.orphans == 0) continue;
    const SchemaTable& child = *map.table(result.table);
    if (!child.without_rowid && child.rowid_name().empty()) {
      throw Error(ErrorCode::kUsage, fmt::format("{}: columns have taken all names of its rowid", child.name),
                  "its rows can't be told apart in SQL: mend them with the application");
    }
    for (const SchemaForeignKey& key : child.foreign_keys) {
      if (key.id == result.id) keys.push_back(orphan_key(map, child, key));
    }
  }
  return keys;
}

}  // namespace litewright
