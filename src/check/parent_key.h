// What a foreign key points at: the parent's rowid, or one of its unique indexes. SQLite's rules, those of
// sqlite.org/foreignkeys.html section 3 ("foreign key mismatch" where none fits).
#pragma once

#include <string>
#include <vector>

#include "check/schema_map.h"

namespace litewright {

struct ParentKey {
  enum class Kind : std::uint8_t {
    kMissingTable,  // every row whose columns are not NULL is an orphan
    kMismatch,      // no unique key of the parent's fits: SQLite refuses to check, and to write
    kRowid,
    kIndex
  };
  Kind kind = Kind::kMissingTable;
  const SchemaTable* table = nullptr;  // not for kMissingTable
  const SchemaIndex* index = nullptr;  // kIndex
  // kIndex: for each key column of the index the child's column, in its SchemaTable::columns. kRowid: the
  // one.
  std::vector<std::size_t> child_columns = {};
};

// Borrows from `map`.
ParentKey find_parent_key(const SchemaMap& map, const SchemaForeignKey& key);

// An index of the child by which its rows are found when a parent goes: the key's columns in any order, first
// in the index, not partial. Without one every change of a parent's key reads the whole child.
bool has_child_index(const SchemaTable& child, const SchemaForeignKey& key);

// "a, b": the child's columns.
std::string key_columns_text(const SchemaTable& child, const SchemaForeignKey& key);

// Conditions in SQL: that none of the columns of the child c is NULL; that a row of the parent is the one
// meant by a row of the child (kRowid and kIndex only).
std::string points_somewhere(const SchemaTable& child, const SchemaForeignKey& key);
std::string parent_join(const SchemaTable& child, const ParentKey& parent, std::string_view child_name = "c",
                        std::string_view parent_name = "p");

// The condition that is true for exactly the rows of `child`, named c in the query, that PRAGMA
// foreign_key_check reports for `key`. Not for kMismatch.
std::string orphan_condition(const SchemaTable& child, const SchemaForeignKey& key, const ParentKey& parent);

}  // namespace litewright
