#include "operate/look_inside.h"

#include <fmt/format.h>

#include <map>

#include "base/error.h"
#include "base/shell_words.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

// path is "/" for the root, "/000/" below it, three hexadecimal digits and a slash a level; overflow pages
// have a "+" in theirs.
constexpr const char* kPages =
    "SELECT name, count(*), sum(pagetype = 'overflow'), sum(pgsize), sum(payload), sum(unused), "
    "max(CASE WHEN pagetype <> 'overflow' THEN (length(path) - 1) / 4 + 1 ELSE 0 END) "
    "FROM dbstat GROUP BY name";

void add_pages(SafeReader& reader, std::vector<TableLook>& looks) {
  std::map<std::string, TableLook*> by_name;
  for (TableLook& look : looks) by_name[look.name] = &look;
  std::optional<Statement> pages;
  try {
    pages.emplace(reader.connection().prepare(kPages));
  } catch (const Error&) {
    return;  // a SQLite without dbstat
  }
  while (pages->step()) {
    const auto found = by_name.find(pages->text(0));
    if (found == by_name.end()) continue;
    TableLook& look = *found->second;
    const auto number = [&pages](int column) { return static_cast<std::uint64_t>(pages->integer(column)); };
    look.pages = number(1);
    look.overflow_pages = number(2);
    look.bytes = number(3);
    look.fill = number(3) == 0 ? 0 : 1.0 - static_cast<double>(number(5)) / static_cast<double>(number(3));
    look.depth = number(6);
  }
}

void count_rows(SafeReader& reader, std::vector<TableLook>& looks) {
  for (TableLook& look : looks) {
    if (look.kind == "view" || look.kind == "virtual" || look.kind == "index") continue;
    const auto rows =
        reader.connection().query_integer(fmt::format("SELECT count(*) FROM {}", quoted_name(look.name)));
    if (rows) look.rows = static_cast<std::uint64_t>(*rows);
  }
  // An index has as many entries as its table has rows, unless it is partial.
  Statement partial = reader.connection().prepare(
      "SELECT i.name FROM sqlite_schema t, pragma_index_list(t.name) i "
      "WHERE t.type = 'table' AND i.partial");
  std::map<std::string, bool> is_partial;
  while (partial.step()) is_partial[partial.text(0)] = true;
  for (TableLook& look : looks) {
    if (look.kind != "index" || is_partial.contains(look.name)) continue;
    for (const TableLook& table : looks) {
      if (table.name == look.table) look.rows = table.rows;
    }
  }
}

QueryValue value_of(Statement& statement, int column) {
  switch (statement.type(column)) {
    case ValueType::kInteger:
      return statement.integer(column);
    case ValueType::kReal:
      return statement.real(column);
    case ValueType::kText:
      return statement.text(column);
    case ValueType::kBlob: {
      const Bytes bytes = statement.bytes(column);
      return BlobBytes{std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())};
    }
    default:
      return std::monostate{};
  }
}

}  // namespace

std::uint64_t each_row(Statement& statement, const RowTaker& take) {
  std::uint64_t rows = 0;
  std::vector<QueryValue> row;
  while (statement.step()) {
    row.clear();
    for (int i = 0; i < statement.column_count(); i++) row.push_back(value_of(statement, i));
    take(row);
    rows++;
  }
  return rows;
}

std::vector<TableLook> look_at_tables(SafeReader& reader, LookDepth depth) {
  std::vector<TableLook> looks;
  const Transaction moment(reader.connection(), Transaction::Kind::kRead);
  Statement objects = reader.connection().prepare(
      "SELECT s.name, coalesce((SELECT l.type FROM pragma_table_list l WHERE l.schema = 'main' AND l.name = "
      "s.name), "
      "s.type), s.tbl_name, s.type FROM sqlite_schema s WHERE s.type IN ('table', 'view', 'index') ORDER BY "
      "s.rowid");
  while (objects.step()) {
    const bool index = objects.text(3) == "index";
    looks.push_back({.name = objects.text(0),
                     .kind = index ? "index" : objects.text(1),
                     .table = index ? objects.text(2) : ""});
  }
  if (depth == LookDepth::kNames) return looks;
  count_rows(reader, looks);
  if (depth == LookDepth::kPages) add_pages(reader, looks);
  return looks;
}

std::vector<std::string> look_at_schema(SafeReader& reader, const std::optional<std::string>& table) {
  Statement statement = reader.connection().prepare(
      "SELECT sql, type FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
      "AND (?1 = '' OR tbl_name = ?1 COLLATE "
      "NOCASE) "
      "ORDER BY rowid");
  statement.bind(1, table.value_or(""));
  std::vector<std::string> found;
  while (statement.step()) found.push_back(statement.text(0) + ";");
  if (found.empty() && table) {
    throw Error(ErrorCode::kNoDatabase, fmt::format("table does not exist: {}", *table),
                "litewright tables " + shell_quoted(reader.connection().path()));
  }
  return found;
}

}  // namespace litewright
