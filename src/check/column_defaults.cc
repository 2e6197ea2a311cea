#include "check/column_defaults.h"

#include <algorithm>
#include <bit>

#include "base/bytes.h"
#include "base/error.h"
#include "sqlite/connection.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

constexpr std::uint32_t kInteger64 = 6, kReal = 7, kFirstBlob = 12, kFirstText = 13;

// A number, a string, a BLOB, a truth value; with a sign, in parentheses. Others are NULL to an old row.
bool is_constant(std::string_view sql) {
  while (!sql.empty() && std::string_view(" \t\r\n(+-").contains(sql.front())) sql.remove_prefix(1);
  if (sql.empty()) return false;
  const char c = sql.front();
  if ((c >= '0' && c <= '9') || c == '.' || c == '\'' || c == '"') return true;
  if ((c == 'x' || c == 'X') && sql.size() > 1 && sql[1] == '\'') return true;
  return same_name(sql.substr(0, 4), "true") || same_name(sql.substr(0, 5), "false");
}

DefaultValue value_of(const Statement& row) {
  DefaultValue value;
  const auto set_number = [&](std::uint32_t type, std::uint64_t bits) {
    value.type = type;
    value.bytes.resize(sizeof bits);
    store_be64(value.bytes, 0, bits);
  };
  const auto set_bytes = [&](std::uint32_t first) {
    const Bytes bytes = row.bytes(0);
    value.type = first + 2 * static_cast<std::uint32_t>(bytes.size());
    value.bytes.assign(bytes.begin(), bytes.end());
  };
  switch (row.type(0)) {
    case ValueType::kNull:
      break;
    case ValueType::kInteger:
      set_number(kInteger64, static_cast<std::uint64_t>(row.integer(0)));
      break;
    case ValueType::kReal:
      set_number(kReal, std::bit_cast<std::uint64_t>(row.real(0)));
      break;
    case ValueType::kText:
      set_bytes(kFirstText);
      break;
    case ValueType::kBlob:
      set_bytes(kFirstBlob);
      break;
  }
  return value;
}

const char* type_name(Affinity affinity) {
  switch (affinity) {
    case Affinity::kBlob:
      return "BLOB";
    case Affinity::kText:
      return "TEXT";
    case Affinity::kNumeric:
      return "NUMERIC";
    case Affinity::kInteger:
      return "INTEGER";
    case Affinity::kReal:
      return "REAL";
  }
  return "";
}

}  // namespace

std::vector<DefaultValue> column_defaults(const SchemaTable& table, const std::string& encoding) {
  std::vector<DefaultValue> defaults(table.columns.size());
  for (std::size_t i = 0; i < table.columns.size(); i++) {
    const SchemaColumn& column = table.columns[i];
    if (!column.default_sql || !is_constant(*column.default_sql)) continue;
    try {
      Connection memory(":memory:", {.mode = OpenMode::kCreate});
      memory.execute(("PRAGMA encoding=" + quoted_text(encoding)).c_str());
      memory.execute(("CREATE TABLE t(c " + std::string(type_name(column.affinity)) + " DEFAULT (" +
                      *column.default_sql + "))")
                         .c_str());
      memory.execute("INSERT INTO t DEFAULT VALUES");
      Statement row = memory.prepare("SELECT c FROM t");
      if (row.step()) defaults[i] = value_of(row);
    } catch (const Error&) {
      continue;  // not a constant after all: NULL to an old row
    }
  }
  return defaults;
}

}  // namespace litewright
