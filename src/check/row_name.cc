#include "check/row_name.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "sqlite/sql_names.h"

namespace litewright {
namespace {

constexpr std::size_t kMostTextShown = 60;

}  // namespace

std::vector<std::size_t> key_order(const SchemaTable& table) {
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < table.columns.size(); i++) {
    if (table.columns[i].key_position > 0) columns.push_back(i);
  }
  std::ranges::sort(columns, {}, [&](std::size_t i) { return table.columns[i].key_position; });
  return columns;
}

std::string row_name_columns(const SchemaTable& table, std::string_view alias) {
  if (!table.without_rowid) {
    const std::string rowid = table.rowid_name();
    return rowid.empty() ? "" : fmt::format("{}.{}", alias, quoted_name(rowid));
  }
  std::string list;
  for (const std::size_t column : key_order(table)) {
    if (!list.empty()) list += ", ";
    list += fmt::format("{}.{}", alias, quoted_name(table.columns[column].name));
  }
  return list;
}

std::string row_name(const SchemaTable& table, Statement& row) {
  if (!table.without_rowid) return row.text(0);
  std::vector<std::string> values;
  for (std::size_t i = 0; i < key_order(table).size(); i++) {
    values.push_back(value_text(row, static_cast<int>(i)));
  }
  return key_text(values);
}

std::string value_text(Statement& row, int column) {
  switch (row.type(column)) {
    case ValueType::kNull:
      return "NULL";
    case ValueType::kInteger:
    case ValueType::kReal:
      return row.text(column);
    case ValueType::kText:
      return quoted_text(row.text(column).substr(0, kMostTextShown));
    case ValueType::kBlob:
      break;
  }
  const Bytes bytes = row.bytes(column);
  std::string text = "x'";
  for (const std::byte b : bytes.first(std::min(bytes.size(), kMostTextShown / 2))) {
    text += fmt::format("{:02x}", std::to_integer<int>(b));
  }
  return text + "'";
}

std::string key_text(const std::vector<std::string>& values) {
  return values.size() == 1 ? values[0] : fmt::format("({})", fmt::join(values, ", "));
}

}  // namespace litewright
