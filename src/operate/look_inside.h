// Read-only looks inside: tables, schema, one query. No lock is held longer than the query, nothing is
// written, no code of the schema is trusted (FACTS 25).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sqlite/safe_reader.h"

namespace litewright {

// A value as SQLite gave it; a blob as its bytes.
struct BlobBytes {
  std::string bytes;
};
using QueryValue = std::variant<std::monostate, std::int64_t, double, std::string, BlobBytes>;

// Each row as it comes; gives their number. Throws as Statement does.
using RowTaker = std::function<void(const std::vector<QueryValue>& row)>;
std::uint64_t each_row(Statement& statement, const RowTaker& take);

// One b-tree, or a virtual table or view.
struct TableLook {
  std::string name = {};
  std::string kind = {};   // "table", "view", "virtual", "shadow", "index"
  std::string table = {};  // of an index: whose
  std::optional<std::uint64_t> rows = {};
  // From dbstat: interior and leaf pages with their overflow chains; empty where SQLite has no dbstat.
  std::optional<std::uint64_t> bytes = {}, pages = {}, overflow_pages = {}, depth = {};
  std::optional<double> fill = {};  // 0 to 1: what cells use of the pages' bytes
};

enum class LookDepth { kNames, kRows, kPages };
// In the schema's order. kRows counts the rows (a scan of the smallest index); kPages asks dbstat too.
std::vector<TableLook> look_at_tables(SafeReader& reader, LookDepth depth);

// The CREATE statements, of one table with its indexes and triggers, or of all. Throws Error{kNoDatabase}
// where there is no such table or view.
std::vector<std::string> look_at_schema(SafeReader& reader, const std::optional<std::string>& table);

}  // namespace litewright
