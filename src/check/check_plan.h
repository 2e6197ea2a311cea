// What the one pass over a database has to hold against what, worked out from the schema beforehand: for each
// table the rules of its columns, for each index where the values of its keys stand in a row.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "check/key_order.h"
#include "check/record_fields.h"
#include "check/schema_map.h"
#include "check/simple_where.h"
#include "check/tree_walk.h"

namespace litewright {

// Kinds of values, as bits.
enum ValueMask : std::uint8_t {
  kMaskInteger = 1,
  kMaskReal = 2,
  kMaskText = 4,
  kMaskBlob = 8,
  kMaskNull = 16
};
inline std::uint8_t value_mask(std::uint32_t serial_type) {
  constexpr std::uint8_t kMasks[12] = {kMaskNull,    kMaskInteger, kMaskInteger, kMaskInteger,
                                       kMaskInteger, kMaskInteger, kMaskInteger, kMaskReal,
                                       kMaskInteger, kMaskInteger, kMaskNull,    kMaskNull};
  if (serial_type < 12) return kMasks[serial_type];
  return serial_type % 2 == 1 ? kMaskText : kMaskBlob;
}

// A column that is more than any value: PRAGMA integrity_check's rules for it.
struct ColumnRule {
  std::size_t stored_at = 0;
  std::string name = {};
  bool not_null = false;
  std::uint8_t allowed = 0x1f;         // beside NULL's own rule
  bool no_numeric_text = false;        // text that looks like a number should be one
  std::string expected = {};           // "a number", "INTEGER", for the finding
  std::uint32_t type_when_absent = 0;  // serial type of what a short row stands for
};

// Where a row has a value of an index's key.
struct KeyField {
  enum class From : std::uint8_t { kStored, kRowid, kElsewhere };
  From from = From::kStored;
  std::size_t stored_at = 0;
  bool real = false;
  bool descending = false;
  bool never_null = false;
  KeyCollation collation = KeyCollation::kBinary;
  std::vector<std::byte> absent_bytes = {};  // what a short row stands for
  std::uint32_t absent_type = 0;
  StoredValue absent() const { return {.type = absent_type, .bytes = absent_bytes}; }
};

struct IndexPlan {
  const SchemaTable* table = nullptr;
  const SchemaIndex* index = nullptr;  // null: none, the order of a rowid table
  std::vector<KeyField> fields = {};   // of the entry's record
  std::size_t key_fields = 0;
  bool unique = false;
  std::optional<SimpleWhere> where = {};  // of a partial index, where it is simple
  bool rows_by_sqlite = false;            // expressions, a WHERE: SQLite says which keys the rows ask for
  std::string unknown_collation = {};
};

struct TablePlan {
  const SchemaTable* table = nullptr;
  std::size_t stored_columns = 0;
  std::vector<ColumnRule> rules = {};
  std::vector<std::size_t> indexes = {};  // in CheckPlan::indexes, to be held against the rows
  std::optional<std::size_t> key = {};    // WITHOUT ROWID: the plan of its own b-tree
  std::vector<std::string> checks = {};   // CHECK constraints' expressions
  bool rows_by_sqlite = false;            // a virtual column has rules
};

struct CheckPlan {
  // Which b-tree is what; in the order of `trees`.
  struct Role {
    bool rows = true;      // else entries
    std::size_t plan = 0;  // in tables or indexes
  };
  KeyEncoding encoding = KeyEncoding::kUtf8;
  std::vector<TablePlan> tables = {};
  std::vector<IndexPlan> indexes = {};
  std::vector<Tree> trees = {};
  std::vector<Role> roles = {};
  SchemaTable schema_table = {};  // sqlite_schema itself, which the map leaves out
};

// Borrows the schema. `out` must not move afterwards. An in-memory database of SQLite's own gives the values
// of defaults.
void make_check_plan(const SchemaMap& schema, CheckPlan& out);

// "table orders", "index orders_by_time".
std::string tree_name(const CheckPlan& plan, std::size_t tree);

}  // namespace litewright
