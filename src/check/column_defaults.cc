#include "check/column_defaults.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <span>

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

DefaultValue value_of(const Statement& row, int column) {
  DefaultValue value;
  const auto set_number = [&](std::uint32_t type, std::uint64_t bits) {
    value.type = type;
    value.bytes.resize(sizeof bits);
    store_be64(value.bytes, 0, bits);
  };
  const auto set_bytes = [&](std::uint32_t first) {
    const Bytes bytes = row.bytes(column);
    value.type = first + 2 * static_cast<std::uint32_t>(bytes.size());
    value.bytes.assign(bytes.begin(), bytes.end());
  };
  switch (row.type(column)) {
    case ValueType::kNull:
      break;
    case ValueType::kInteger:
      set_number(kInteger64, static_cast<std::uint64_t>(row.integer(column)));
      break;
    case ValueType::kReal:
      set_number(kReal, std::bit_cast<std::uint64_t>(row.real(column)));
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

// A table in memory makes them, all at once; where one is no constant after all, half of them at a time.
class DefaultMaker {
 public:
  DefaultMaker(const SchemaTable& table, const std::string& encoding, std::vector<DefaultValue>& out)
      : table_(table), out_(out), memory_(":memory:", {.mode = OpenMode::kCreate}) {
    memory_.execute(("PRAGMA encoding=" + quoted_text(encoding)).c_str());
  }

  void make(std::span<const std::size_t> columns) {
    if (columns.empty()) return;
    try {
      make_together(columns);
    } catch (const Error&) {
      if (columns.size() == 1) return;  // NULL to an old row
      make(columns.first(columns.size() / 2));
      make(columns.subspan(columns.size() / 2));
    }
  }

 private:
  void make_together(std::span<const std::size_t> columns) {
    std::string definitions;
    for (std::size_t i = 0; i < columns.size(); i++) {
      const SchemaColumn& column = table_.columns[columns[i]];
      definitions += fmt::format("{}c{} {} DEFAULT ({}\n)", i == 0 ? "" : ", ", i, type_name(column.affinity),
                                 *column.default_sql);
    }
    memory_.execute("DROP TABLE IF EXISTS t");
    memory_.execute(("CREATE TABLE t(" + definitions + ")").c_str());
    memory_.execute("INSERT INTO t DEFAULT VALUES");
    Statement row = memory_.prepare("SELECT * FROM t");
    if (!row.step() || row.column_count() != static_cast<int>(columns.size())) {
      throw Error(ErrorCode::kUsage, "a default that is more than a value");
    }
    for (std::size_t i = 0; i < columns.size(); i++) {
      out_[columns[i]] = value_of(row, static_cast<int>(i));
    }
  }

  const SchemaTable& table_;
  std::vector<DefaultValue>& out_;
  Connection memory_;
};

}  // namespace

std::vector<DefaultValue> column_defaults(const SchemaTable& table, const std::string& encoding) {
  std::vector<DefaultValue> defaults(table.columns.size());
  std::vector<std::size_t> wanted;
  for (std::size_t i = 0; i < table.columns.size(); i++) {
    const auto& sql = table.columns[i].default_sql;
    if (sql && is_constant(*sql)) wanted.push_back(i);
  }
  if (!wanted.empty()) DefaultMaker(table, encoding, defaults).make(wanted);
  return defaults;
}

}  // namespace litewright
