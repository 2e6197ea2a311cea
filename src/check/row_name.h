// How a row is called in findings: its rowid, or the key of a WITHOUT ROWID table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "check/schema_map.h"
#include "sqlite/connection.h"

namespace litewright {

// The select list that names a row of `table`, called `alias` in the query: one column, or the primary key's.
// Empty where columns have taken all names of the rowid: such a row can't be reached by name.
std::string row_name_columns(const SchemaTable& table, std::string_view alias);

// The columns of the primary key in its order, in SchemaTable::columns.
std::vector<std::size_t> key_order(const SchemaTable& table);

// Of the statement's row, whose first columns are those: "7", "'a'", "('a', 7)".
std::string row_name(const SchemaTable& table, Statement& row);

// A value as SQL writes it, long ones cut.
std::string value_text(Statement& row, int column);

// The values of a key as one text: "7", "('a', 7)".
std::string key_text(const std::vector<std::string>& values);

}  // namespace litewright
