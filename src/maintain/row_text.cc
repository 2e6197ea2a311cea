#include "maintain/row_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <string_view>

#include "base/checksum.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

std::string hexadecimal(Bytes bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

// "0x1.8p+1" is exact but nobody reads it: the shortest decimal that gives the same number back.
std::string real_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text.append(".0");
  return text;
}

bool may_be_taken_otherwise(std::string_view text) {
  if (text.empty() || text.starts_with("x'")) return true;
  const char first = text[0];
  return (first >= '0' && first <= '9') || first == '-' || first == '+' || first == '.';
}

std::string csv_text(std::string_view text) {
  if (!may_be_taken_otherwise(text) && text.find_first_of(",\"\r\n") == std::string_view::npos)
    return std::string(text);
  std::string quoted(1, '"');
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  quoted.push_back('"');
  return quoted;
}

// Text as a blob: it may hold anything, and a note is made of lines.
std::string literal(const Statement& row, int column) {
  switch (row.type(column)) {
    case ValueType::kInteger:
      return fmt::format("{}", row.integer(column));
    case ValueType::kReal:
      return real_text(row.real(column));
    case ValueType::kText: {
      const std::string_view text = row.text_view(column);
      return fmt::format("CAST(x'{}' AS TEXT)", hexadecimal(std::as_bytes(std::span(text))));
    }
    case ValueType::kBlob:
      return fmt::format("x'{}'", hexadecimal(row.bytes(column)));
    case ValueType::kNull:
      break;
  }
  return "NULL";
}

}  // namespace

std::string csv_line(const std::vector<std::string>& names) {
  std::string line;
  for (const std::string& name : names) {
    if (!line.empty()) line.push_back(',');
    line.append(csv_text(name));
  }
  line.push_back('\n');
  return line;
}

std::string csv_line(const Statement& row, int first_column) {
  std::string line;
  for (int column = first_column; column < row.column_count(); column++) {
    if (column > first_column) line += ',';
    switch (row.type(column)) {
      case ValueType::kText:
        line += csv_text(row.text_view(column));
        break;
      case ValueType::kNull:
        break;
      default:
        line += literal(row, column);
    }
  }
  line.push_back('\n');
  return line;
}

std::uint64_t row_checksum(const Statement& row, int first_column) {
  std::string values;
  for (int column = first_column; column < row.column_count(); column++)
    values.append(literal(row, column)).push_back(',');
  return checksum64(std::as_bytes(std::span(values)));
}

std::string note_of(const Statement& row, std::size_t key_columns) {
  std::vector<std::string> key;
  for (std::size_t i = 0; i < key_columns; i++) key.push_back(literal(row, static_cast<int>(i)));
  return fmt::format("{:016x} {}\n", row_checksum(row, 0), fmt::join(key, ", "));
}

std::string key_in_note(const std::string& line) {
  const std::size_t blank = std::min(line.find(' '), line.size() - 1);
  return line.substr(blank + 1, line.find_last_not_of('\n') - blank);
}

std::vector<std::string> archive_table_columns(const std::vector<std::string>& stored) {
  std::vector<std::string> columns = {"archived_id", "archived_at"};
  columns.insert(columns.end(), stored.begin(), stored.end());
  return columns;
}

std::string create_archive_table(const std::string& table, const std::vector<std::string>& stored) {
  std::vector<std::string> names;
  for (const std::string& column : stored) names.push_back(quoted_name(column));
  return fmt::format("CREATE TABLE IF NOT EXISTS main.{}(archived_id INTEGER PRIMARY KEY, archived_at, {})",
                     quoted_name(table), fmt::join(names, ", "));
}

}  // namespace litewright
