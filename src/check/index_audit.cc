#include "check/index_audit.h"

#include <fmt/format.h>

#include <algorithm>

#include "sqlite/sql_names.h"

namespace litewright {
namespace {

// Each is held against each: beyond that a hostile schema would take minutes.
constexpr std::size_t kMostIndexes = 1000;

bool same_column(const IndexColumn& a, const IndexColumn& b) {
  return a.source == b.source && a.column == b.column && a.descending == b.descending &&
         same_name(a.collation, b.collation);
}

bool is_plain(const SchemaIndex& index) {
  const auto expression = [](const IndexColumn& column) {
    return column.source == IndexColumn::Source::kExpression;
  };
  return !index.partial && std::none_of(index.columns.begin(), index.columns.end(), expression);
}

bool key_begins(const SchemaIndex& longer, const SchemaIndex& index) {
  if (index.key_columns == 0 || index.key_columns > longer.key_columns) return false;
  for (std::size_t i = 0; i < index.key_columns; i++) {
    if (!same_column(index.columns[i], longer.columns[i])) return false;
  }
  return true;
}

// Of two with one key the later one is superfluous, unless it alone is unique.
bool makes_superfluous(const SchemaTable& table, std::size_t other, std::size_t index) {
  const SchemaIndex& a = table.indexes[other];
  const SchemaIndex& b = table.indexes[index];
  if (!is_plain(a) || !key_begins(a, b)) return false;
  if (a.key_columns > b.key_columns || a.unique) return true;
  return other > index;  // SQLite lists the newest first
}

}  // namespace

std::vector<Finding> audit_indexes(const SchemaMap& map, const std::string& database) {
  std::vector<Finding> findings;
  for (const SchemaTable& table : map.tables) {
    if (table.indexes.size() > kMostIndexes) continue;
    for (std::size_t i = 0; i < table.indexes.size(); i++) {
      const SchemaIndex& index = table.indexes[i];
      if (index.origin != SchemaIndex::Origin::kCreated || index.unique || !is_plain(index)) continue;
      for (std::size_t j = 0; j < table.indexes.size(); j++) {
        if (i == j || !makes_superfluous(table, j, i)) continue;
        const SchemaIndex& other = table.indexes[j];
        const bool duplicate = other.key_columns == index.key_columns;
        findings.push_back(
            {.id = duplicate ? "index.duplicate" : "index.redundant",
             .severity = Severity::kInfo,
             .database = database,
             .object = index.name,
             .figures = {{"table", table.name}, {"other", other.name}},
             .meaning = duplicate ? "another index has the same key: each write pays for both, drop one"
                                  : "another index begins with the same key and serves the same searches"});
        break;
      }
    }
  }
  return findings;
}

}  // namespace litewright
