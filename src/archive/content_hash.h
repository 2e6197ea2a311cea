// A hash of what a database says, whatever its pages look like: its schema, its numbers in the header, and
// every row of every table with the exact type and bytes of each value. VACUUM does not change it; dumping
// and loading must not.
//
// XXH3-64 of, in this order: user_version, application_id (8 bytes each, little-endian), the encoding; each
// object of the schema by type and name (type, name, table, SQL, each behind its length in 8 bytes); each
// table with rows by name: name, the number of rows, the XXH3-64 of its rows. A row is its number of values
// and for each value a byte for the type (0 null, 1 integer, 2 real, 3 text, 4 blob) and 8 bytes of number,
// or the length and the bytes. Left out: tables of virtual tables' modules themselves (their shadow tables
// count), sqlite_stat4.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "archive/table_layout.h"
#include "base/checksum.h"
#include "sqlite/connection.h"

namespace litewright {

// Takes tables in any order. For one thread.
class ContentHasher {
 public:
  void begin_table(const std::string& name);
  // The row that `row` stands at.
  void add_row(Statement& row, int columns);
  void end_table();
  void add_object(const SchemaObject& object);

  // With the header's numbers of `connection`. Once.
  std::uint64_t finish(Connection& connection);
  std::uint64_t rows() const { return rows_; }

 private:
  struct Table {
    std::uint64_t rows = 0, hash = 0;
  };
  std::map<std::string, Table> tables_;
  std::map<std::string, SchemaObject> objects_;  // by type and name
  std::string name_;
  std::uint64_t table_rows_ = 0, rows_ = 0;
  std::optional<Checksum64Stream> hash_;
  std::string row_;  // the row's bytes, its buffer used again
};

// True for the tables whose rows count.
bool has_content(const SchemaObject& object);

struct ContentHash {
  std::uint64_t hash = 0;
  std::uint64_t rows = 0;
};

// Of a whole database.
ContentHash hash_content(Connection& connection);

}  // namespace litewright
