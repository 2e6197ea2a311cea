#include "check/parent_key.h"

#include <fmt/format.h>

#include <algorithm>

#include "sqlite/sql_names.h"

namespace litewright {
namespace {

// The child's columns in the order of the index's key; empty where the index is not what the key names. An
// index on another collation than the column's own does not count.
std::vector<std::size_t> match_index(const SchemaTable& parent, const SchemaIndex& index,
                                     const SchemaForeignKey& key) {
  std::vector<std::size_t> child_columns;
  for (std::size_t i = 0; i < index.key_columns; i++) {
    const IndexColumn& column = index.columns[i];
    if (column.source != IndexColumn::Source::kColumn) return {};
    const SchemaColumn& declared = parent.columns[column.column];
    if (!same_name(column.collation, declared.collation)) return {};
    const auto named = std::ranges::find_if(
        key.parent_columns, [&](const std::string& name) { return same_name(name, declared.name); });
    if (named == key.parent_columns.end()) return {};
    child_columns.push_back(key.columns[static_cast<std::size_t>(named - key.parent_columns.begin())]);
  }
  return child_columns;
}

bool is_rowid(const SchemaTable& parent, const SchemaForeignKey& key) {
  if (key.columns.size() != 1 || !parent.rowid_alias) return false;
  return key.parent_columns.empty() ||
         same_name(key.parent_columns[0], parent.columns[*parent.rowid_alias].name);
}

}  // namespace

ParentKey find_parent_key(const SchemaMap& map, const SchemaForeignKey& key) {
  ParentKey found{.table = map.table(key.parent)};
  if (found.table == nullptr) {
    found.kind = map.has_view(key.parent) ? ParentKey::Kind::kMismatch : ParentKey::Kind::kMissingTable;
    return found;
  }
  found.kind = ParentKey::Kind::kRowid;
  found.child_columns = key.columns;
  if (is_rowid(*found.table, key)) return found;
  found.kind = ParentKey::Kind::kIndex;
  for (const SchemaIndex& index : found.table->indexes) {
    if (index.key_columns != key.columns.size() || !index.unique || index.partial) continue;
    found.index = &index;
    if (!key.parent_columns.empty()) {
      found.child_columns = match_index(*found.table, index, key);
      if (!found.child_columns.empty()) return found;
    } else if (index.origin == SchemaIndex::Origin::kPrimaryKey) {
      return found;
    }
  }
  found.kind = ParentKey::Kind::kMismatch;
  found.index = nullptr;
  return found;
}

bool has_child_index(const SchemaTable& child, const SchemaForeignKey& key) {
  if (key.columns.size() == 1 && child.rowid_alias == key.columns[0]) return true;
  return std::ranges::any_of(child.indexes, [&](const SchemaIndex& index) {
    if (index.partial || index.key_columns < key.columns.size()) return false;
    return std::all_of(index.columns.begin(),
                       index.columns.begin() + static_cast<std::ptrdiff_t>(key.columns.size()),
                       [&](const IndexColumn& column) {
                         return column.source == IndexColumn::Source::kColumn &&
                                std::ranges::find(key.columns, column.column) != key.columns.end();
                       });
  });
}

std::string key_columns_text(const SchemaTable& child, const SchemaForeignKey& key) {
  std::string text;
  for (const std::size_t column : key.columns)
    text += (text.empty() ? "" : ", ") + child.columns[column].name;
  return text;
}

std::string points_somewhere(const SchemaTable& child, const SchemaForeignKey& key) {
  std::string condition;
  for (const std::size_t column : key.columns) {
    if (!condition.empty()) condition += " AND ";
    condition += fmt::format("c.{} IS NOT NULL", quoted_name(child.columns[column].name));
  }
  return condition;
}

// A child's value is converted by the parent's affinity and compared by the parent's collation: the unary
// plus takes the child's own affinity away, and the left side decides the collation.
std::string parent_join(const SchemaTable& child, const ParentKey& parent, std::string_view child_name,
                        std::string_view parent_name) {
  std::string matches;
  for (std::size_t i = 0; i < parent.child_columns.size(); i++) {
    const std::size_t at =
        parent.kind == ParentKey::Kind::kRowid ? *parent.table->rowid_alias : parent.index->columns[i].column;
    const SchemaColumn& column = parent.table->columns[at];
    std::string left = fmt::format("{}.{}", parent_name, quoted_name(column.name));
    if (parent.index != nullptr && !same_name(parent.index->columns[i].collation, column.collation)) {
      left += " COLLATE " + quoted_name(parent.index->columns[i].collation);
    }
    if (!matches.empty()) matches += " AND ";
    matches += fmt::format("{} = +{}.{}", left, child_name,
                           quoted_name(child.columns[parent.child_columns[i]].name));
  }
  return matches;
}

std::string orphan_condition(const SchemaTable& child, const SchemaForeignKey& key, const ParentKey& parent) {
  std::string somewhere = points_somewhere(child, key);
  if (parent.kind == ParentKey::Kind::kMissingTable) return somewhere;
  return fmt::format("{} AND NOT EXISTS (SELECT 1 FROM main.{} AS p WHERE {})", somewhere,
                     quoted_name(parent.table->name), parent_join(child, parent));
}

}  // namespace litewright
