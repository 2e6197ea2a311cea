// What a database's schema says, read once from a connection, for the checks that read pages themselves:
// where each b-tree begins, what stands where in its records, by what its keys compare and point at.
//
// Nothing here runs an expression of the schema: functions and collations that only the application has do no
// harm. What this SQLite can't parse (a newer one's syntax, a damaged entry) is left out and named, the rest
// is read (FACTS 32).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/types.h"
#include "sqlite/connection.h"

namespace litewright {

enum class Affinity : std::uint8_t { kBlob, kText, kNumeric, kInteger, kReal };
// By a declared type: sqlite.org/datatype3.html section 3.1.
Affinity affinity_of(std::string_view declared_type);

enum class GeneratedKind : std::uint8_t { kNone, kVirtual, kStored };

struct SchemaColumn {
  std::string name = {};
  std::string declared_type = {};
  Affinity affinity = Affinity::kBlob;  // in a STRICT table ANY is kBlob
  std::string collation = "BINARY";
  bool not_null = false;
  int key_position = 0;  // within the primary key, 1 is the first; 0: not in it
  GeneratedKind generated = GeneratedKind::kNone;
  std::optional<std::string> default_sql = {};  // what a record too short for the column stands for
  // Position in the record of the table's own b-tree; empty: a virtual generated column. That of the rowid
  // alias holds NULL.
  std::optional<std::size_t> stored_at = {};
};

// A value of an index entry's record.
struct IndexColumn {
  enum class Source : std::uint8_t { kColumn, kRowid, kExpression };
  Source source = Source::kColumn;
  std::size_t column = 0;  // kColumn: in SchemaTable::columns
  std::string collation = "BINARY";
  bool descending = false;
};

struct SchemaIndex {
  enum class Origin : std::uint8_t { kCreated, kUnique, kPrimaryKey };
  std::string name = {};
  PageNumber root_page = {};  // that of the table for the primary key of a WITHOUT ROWID table
  Origin origin = Origin::kCreated;
  bool unique = false;
  bool partial = false;
  // In the order of the entry's record. The first `key_columns` are the declared key; behind them the rowid,
  // or the columns that a WITHOUT ROWID table adds.
  std::vector<IndexColumn> columns = {};
  std::size_t key_columns = 0;
  std::string sql = {};  // empty where a constraint made it
};

struct SchemaForeignKey {
  int id = 0;                                    // as PRAGMA foreign_key_list and foreign_key_check count
  std::vector<std::size_t> columns = {};         // the child's, in SchemaTable::columns
  std::string parent = {};                       // as the child names it; may not exist
  std::vector<std::string> parent_columns = {};  // empty: the parent's primary key is meant
  std::string on_update = {}, on_delete = {};    // "CASCADE", "NO ACTION", …
};

struct SchemaTable {
  std::string name = {};
  PageNumber root_page = {};  // 0: a virtual table
  bool without_rowid = false;
  bool strict = false;
  bool is_virtual = false;
  std::vector<SchemaColumn> columns = {};  // in the order of their declaration; empty for a virtual table
  std::optional<std::size_t> rowid_alias = {};  // the INTEGER PRIMARY KEY
  std::vector<SchemaIndex> indexes = {};
  std::vector<SchemaForeignKey> foreign_keys = {};  // by id
  std::string sql = {};

  std::optional<std::size_t> column(std::string_view column_name) const;
  // The name by which the rowid is reached in SQL; empty where there is none, or columns took all its names.
  std::string rowid_name() const;
};

struct SchemaMap {
  std::string encoding = {};  // "UTF-8", "UTF-16le", "UTF-16be"
  std::vector<SchemaTable> tables =
      {};  // with SQLite's own (sqlite_sequence, sqlite_stat1), sqlite_schema not
  std::unordered_map<std::string, std::size_t> by_name = {};  // in `tables`, by folded_name()
  std::vector<std::string> views = {};                        // their names
  std::string unparsed = {};  // what SQLite said of the first entry that was left out; empty: all was read

  // As SQLite looks names up; null where there is none.
  const SchemaTable* table(std::string_view name) const;
  bool has_view(std::string_view name) const;
};

// Reads in the connection's own transaction, where it has one. Where an entry can't be parsed the connection
// is switched to read what it can (PRAGMA writable_schema, which lasts as long as the connection and writes
// nothing). Throws Error{kDamaged} where nothing can be read.
SchemaMap read_schema_map(Connection& connection);

}  // namespace litewright
