// Foreign keys that are asked of SQLite: the reference of the fast way, and its helper for single rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "check/foreign_keys.h"
#include "check/parent_key.h"

namespace litewright {

// One foreign key that can be checked (its parent is no mismatch). All are borrowed.
struct ForeignKeyTask {
  const SchemaTable* child = nullptr;
  const SchemaForeignKey* key = nullptr;
  ParentKey parent = {};
  ForeignKeyResult* result = nullptr;
};

// Counts and names the orphans, the whole child through SQLite; kUnchecked where SQLite can't run it (a
// collation or a function that only the application has).
void check_key_by_sql(Connection& connection, const ForeignKeyTask& task, std::size_t rows_named);

// Of the rows with these rowids: those that are orphans, in the same order. The child has rowids with a name.
std::vector<std::int64_t> orphans_among(Connection& connection, const ForeignKeyTask& task,
                                        std::span<const std::int64_t> rowids);

}  // namespace litewright
