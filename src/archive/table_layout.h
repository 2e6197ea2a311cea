// What a database's schema says about tables and rows, for whoever writes them out or compares them.
#pragma once

#include <string>
#include <vector>

#include "sqlite/connection.h"
#include "sqlite/sql_names.h"

namespace litewright {

// A row of sqlite_schema.
struct SchemaObject {
  std::string type = {};  // "table", "index", "view", "trigger"
  std::string name = {};
  std::string table = {};
  std::string sql = {};  // empty: an index that a constraint made

  bool is_virtual() const;                                          // a table without rows of its own
  bool is_internal() const { return name.starts_with("sqlite_"); }  // SQLite's own: sequence, statistics
};

// In the order in which they were made.
std::vector<SchemaObject> read_schema(Connection& connection);

struct TableLayout {
  std::string name = {};
  // The name by which the hidden rowid is reached; empty where there is none, where a column is it, or where
  // columns took all of its names.
  std::string rowid = {};
  std::vector<std::string> columns = {};  // those that are stored: not the generated ones
};

TableLayout read_layout(Connection& connection, const std::string& table);

// All rows in the order of the table's own b-tree: the rowid where the layout has one, then the columns.
std::string rows_query(const TableLayout& layout);

}  // namespace litewright
