#include "check/schema_map.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "check/table_options.h"
#include "sqlite/column_collation.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

bool contains(std::string_view text, std::string_view word) {
  return std::ranges::search(text, word, [](char a, char b) {
           return same_name({&a, 1}, {&b, 1});
         }).begin() != text.end();
}

// The rows of sqlite_schema that have a name of their own.
struct SchemaRow {
  std::string name, table, sql;
  PageNumber root_page;
};

struct SchemaRows {
  std::vector<SchemaRow> tables;
  std::map<std::string, SchemaRow> indexes;  // by name
  std::vector<std::string> views;
};

SchemaRows read_rows(Connection& connection) {
  SchemaRows rows;
  Statement statement = connection.prepare(
      // What an entry is SQLite takes from its SQL, and an entry without is an index.
      "WITH entries AS (SELECT rowid AS at, name, tbl_name, rootpage, ifnull(sql, '') AS sql, CASE "
      "WHEN ifnull(sql, '') = '' THEN 'index' "
      "WHEN sql LIKE 'CREATE TABLE%' OR sql LIKE 'CREATE VIRTUAL TABLE%' THEN 'table' "
      "WHEN sql LIKE 'CREATE INDEX%' OR sql LIKE 'CREATE UNIQUE INDEX%' THEN 'index' "
      "WHEN sql LIKE 'CREATE VIEW%' THEN 'view' ELSE type END AS type FROM main.sqlite_schema) "
      "SELECT type, name, tbl_name, rootpage, sql FROM entries "
      "WHERE type IN ('table', 'index', 'view') ORDER BY at");
  while (statement.step()) {
    SchemaRow row{statement.text(1), statement.text(2), statement.text(4),
                  PageNumber(static_cast<std::uint32_t>(statement.integer(3)))};
    if (statement.text(0) == "table") {
      rows.tables.push_back(std::move(row));
    } else if (statement.text(0) == "view") {
      rows.views.push_back(row.name);
    } else {
      rows.indexes.emplace(row.name, std::move(row));
    }
  }
  return rows;
}

// The four questions, prepared once and put for each table.
class SchemaReader {
 public:
  explicit SchemaReader(Connection& connection)
      : connection_(connection),
        rows_(read_rows(connection)),
        columns_(connection.prepare("SELECT name, type, \"notnull\", dflt_value, pk, hidden "
                                    "FROM pragma_table_xinfo(?1, 'main') ORDER BY cid")),
        indexes_(connection.prepare("SELECT name, \"unique\", origin, partial "
                                    "FROM pragma_index_list(?1, 'main') ORDER BY seq")),
        index_columns_(connection.prepare("SELECT cid, \"desc\", coll, key "
                                          "FROM pragma_index_xinfo(?1, 'main') ORDER BY seqno")),
        foreign_keys_(connection.prepare("SELECT id, \"table\", \"from\", \"to\", on_update, on_delete "
                                         "FROM pragma_foreign_key_list(?1, 'main') ORDER BY id, seq")) {}
  const SchemaRows& rows() const { return rows_; }
  SchemaTable table(const SchemaRow& row);

 private:
  void read_columns(SchemaTable& table);
  void read_indexes(SchemaTable& table);
  void read_index_columns(SchemaIndex& index);
  void read_foreign_keys(SchemaTable& table);

  Connection& connection_;
  SchemaRows rows_;
  Statement columns_, indexes_, index_columns_, foreign_keys_;
};

void SchemaReader::read_columns(SchemaTable& table) {
  columns_.reset();
  columns_.bind(1, std::string_view(table.name));
  std::size_t stored = 0;
  while (columns_.step()) {
    SchemaColumn column{.name = columns_.text(0), .declared_type = columns_.text(1)};
    column.not_null = columns_.integer(2) != 0;
    if (!columns_.is_null(3)) column.default_sql = columns_.text(3);
    column.key_position = static_cast<int>(columns_.integer(4));
    if (columns_.integer(5) == 2) column.generated = GeneratedKind::kVirtual;
    if (columns_.integer(5) == 3) column.generated = GeneratedKind::kStored;
    if (column.generated != GeneratedKind::kVirtual) column.stored_at = stored++;
    const bool any = table.strict && same_name(column.declared_type, "ANY");
    column.affinity = any ? Affinity::kBlob : affinity_of(column.declared_type);
    table.columns.push_back(std::move(column));
  }
  for (SchemaColumn& column : table.columns) {
    column.collation = column_collation(connection_, table.name, column.name);
  }
}

void SchemaReader::read_index_columns(SchemaIndex& index) {
  index_columns_.reset();
  index_columns_.bind(1, std::string_view(index.name));
  while (index_columns_.step()) {
    IndexColumn column{.collation = index_columns_.text(2), .descending = index_columns_.integer(1) != 0};
    const std::int64_t cid = index_columns_.integer(0);
    if (cid == -1) column.source = IndexColumn::Source::kRowid;
    if (cid == -2) column.source = IndexColumn::Source::kExpression;
    if (cid >= 0) column.column = static_cast<std::size_t>(cid);
    if (index_columns_.integer(3) != 0) index.key_columns++;
    index.columns.push_back(std::move(column));
  }
}

void SchemaReader::read_indexes(SchemaTable& table) {
  indexes_.reset();
  indexes_.bind(1, std::string_view(table.name));
  while (indexes_.step()) {
    SchemaIndex index{.name = indexes_.text(0)};
    index.unique = indexes_.integer(1) != 0;
    index.partial = indexes_.integer(3) != 0;
    if (indexes_.text(2) == "u") index.origin = SchemaIndex::Origin::kUnique;
    if (indexes_.text(2) == "pk") index.origin = SchemaIndex::Origin::kPrimaryKey;
    const auto row = rows_.indexes.find(index.name);
    if (row != rows_.indexes.end()) {
      index.root_page = row->second.root_page;
      index.sql = row->second.sql;
    } else {
      index.root_page = table.root_page;  // a WITHOUT ROWID table is its primary key's index
    }
    table.indexes.push_back(std::move(index));
  }
  for (SchemaIndex& index : table.indexes) read_index_columns(index);
}

void SchemaReader::read_foreign_keys(SchemaTable& table) {
  foreign_keys_.reset();
  foreign_keys_.bind(1, std::string_view(table.name));
  while (foreign_keys_.step()) {
    const int id = static_cast<int>(foreign_keys_.integer(0));
    if (table.foreign_keys.empty() || table.foreign_keys.back().id != id) {
      table.foreign_keys.push_back({.id = id,
                                    .parent = foreign_keys_.text(1),
                                    .on_update = foreign_keys_.text(4),
                                    .on_delete = foreign_keys_.text(5)});
    }
    SchemaForeignKey& key = table.foreign_keys.back();
    const auto column = table.column(foreign_keys_.text(2));
    if (column) key.columns.push_back(*column);
    if (!foreign_keys_.is_null(3)) key.parent_columns.push_back(foreign_keys_.text(3));
  }
}

// A WITHOUT ROWID table stores its primary key first, then the others; the rowid alias is a primary key of
// one column without an index (INTEGER PRIMARY KEY DESC has one, by an old mistake that SQLite keeps).
void settle_storage(SchemaTable& table) {
  const auto primary =
      std::ranges::find(table.indexes, SchemaIndex::Origin::kPrimaryKey, &SchemaIndex::origin);
  if (table.without_rowid) {
    if (primary == table.indexes.end()) return;
    for (SchemaColumn& column : table.columns) column.stored_at.reset();
    for (std::size_t i = 0; i < primary->columns.size(); i++) {
      if (primary->columns[i].source != IndexColumn::Source::kColumn) continue;
      auto& stored_at = table.columns.at(primary->columns[i].column).stored_at;
      if (!stored_at) stored_at = i;
    }
    return;
  }
  const auto in_key = [](const SchemaColumn& column) { return column.key_position > 0; };
  if (primary != table.indexes.end() || std::ranges::count_if(table.columns, in_key) != 1) return;
  table.rowid_alias =
      static_cast<std::size_t>(std::ranges::find_if(table.columns, in_key) - table.columns.begin());
}

SchemaTable SchemaReader::table(const SchemaRow& row) {
  SchemaTable table{.name = row.name, .root_page = row.root_page, .sql = row.sql};
  const TableOptions options = table_options(row.sql);
  table.without_rowid = options.without_rowid;
  table.strict = options.strict;
  table.is_virtual = options.is_virtual;
  if (table.is_virtual) return table;
  read_columns(table);
  read_indexes(table);
  read_foreign_keys(table);
  settle_storage(table);
  return table;
}

SchemaMap read_all(Connection& connection) {
  SchemaMap map;
  SchemaReader reader(connection);
  map.views = reader.rows().views;
  map.encoding = connection.query_text("PRAGMA encoding");
  for (const SchemaRow& row : reader.rows().tables) {
    SchemaTable table = reader.table(row);
    // Without a column: an entry that was left out.
    if (table.is_virtual || !table.columns.empty()) map.tables.push_back(std::move(table));
  }
  for (std::size_t i = 0; i < map.tables.size(); i++) map.by_name.emplace(folded_name(map.tables[i].name), i);
  return map;
}

}  // namespace

Affinity affinity_of(std::string_view declared_type) {
  if (contains(declared_type, "INT")) return Affinity::kInteger;
  for (const std::string_view word : {"CHAR", "CLOB", "TEXT"}) {
    if (contains(declared_type, word)) return Affinity::kText;
  }
  if (declared_type.empty() || contains(declared_type, "BLOB")) return Affinity::kBlob;
  for (const std::string_view word : {"REAL", "FLOA", "DOUB"}) {
    if (contains(declared_type, word)) return Affinity::kReal;
  }
  return Affinity::kNumeric;
}

std::optional<std::size_t> SchemaTable::column(std::string_view column_name) const {
  for (std::size_t i = 0; i < columns.size(); i++) {
    if (same_name(columns[i].name, column_name)) return i;
  }
  return std::nullopt;
}

std::string SchemaTable::rowid_name() const {
  if (without_rowid || is_virtual) return "";
  for (const std::string_view spelling : {"rowid", "_rowid_", "oid"}) {
    if (!column(spelling)) return std::string(spelling);
  }
  return rowid_alias ? columns[*rowid_alias].name : "";
}

const SchemaTable* SchemaMap::table(std::string_view name) const {
  const auto found = by_name.find(folded_name(name));
  return found == by_name.end() ? nullptr : &tables[found->second];
}

bool SchemaMap::has_view(std::string_view name) const {
  return std::ranges::any_of(views, [&](const std::string& view) { return same_name(view, name); });
}

// With writable_schema SQLite leaves out the entries that it can't parse instead of giving up.
SchemaMap read_schema_map(Connection& connection) {
  try {
    return read_all(connection);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    connection.execute("PRAGMA writable_schema=ON");
    SchemaMap map = read_all(connection);
    map.unparsed = error.what();
    return map;
  }
}

}  // namespace litewright
