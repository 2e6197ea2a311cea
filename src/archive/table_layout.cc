#include "archive/table_layout.h"

#include <fmt/format.h>

#include <algorithm>

namespace litewright {
namespace {

bool is_without_rowid(Connection& connection, const std::string& table) {
  Statement statement =
      connection.prepare("SELECT wr FROM pragma_table_list WHERE schema='main' AND name=?1");
  statement.bind(1, std::string_view(table));
  return statement.step() && statement.integer(0) != 0;
}

// A primary key that has an index of its own is not the rowid.
bool key_has_an_index(Connection& connection, const std::string& table) {
  Statement statement = connection.prepare("SELECT 1 FROM pragma_index_list(?1) WHERE origin='pk'");
  statement.bind(1, std::string_view(table));
  return statement.step();
}

}  // namespace

// SQLite writes these words itself.
bool SchemaObject::is_virtual() const { return type == "table" && sql.starts_with("CREATE VIRTUAL TABLE"); }

std::vector<SchemaObject> read_schema(Connection& connection) {
  std::vector<SchemaObject> objects;
  Statement statement =
      connection.prepare("SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema ORDER BY rowid");
  while (statement.step()) {
    objects.push_back({statement.text(0), statement.text(1), statement.text(2), statement.text(3)});
  }
  return objects;
}

TableLayout read_layout(Connection& connection, const std::string& table) {
  TableLayout layout{.name = table};
  Statement columns = connection.prepare("SELECT name, hidden, pk FROM pragma_table_xinfo(?1) ORDER BY cid");
  columns.bind(1, std::string_view(table));
  int key_columns = 0;
  std::vector<std::string> all;
  while (columns.step()) {
    if (columns.integer(1) == 0) layout.columns.push_back(columns.text(0));
    if (columns.integer(2) > 0) key_columns++;
    all.push_back(columns.text(0));
  }
  if (is_without_rowid(connection, table)) return layout;
  if (key_columns == 1 && !key_has_an_index(connection, table)) return layout;
  for (const char* name : {"rowid", "_rowid_", "oid"}) {
    const bool taken =
        std::ranges::any_of(all, [&](const std::string& column) { return same_name(column, name); });
    if (taken) continue;
    layout.rowid = name;
    break;
  }
  return layout;
}

// NOT INDEXED: an index that covers all columns would give another order.
std::string rows_query(const TableLayout& layout) {
  std::string list = layout.rowid;
  for (const std::string& column : layout.columns) {
    if (!list.empty()) list += ',';
    list += quoted_name(column);
  }
  return fmt::format("SELECT {} FROM {} NOT INDEXED", list, quoted_name(layout.name));
}

}  // namespace litewright
