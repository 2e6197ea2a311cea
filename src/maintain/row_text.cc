#include "maintain/row_text.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

std::string blob_text(Bytes bytes) {
  std::string text = "x'";
  text.reserve(bytes.size() * 2 + 3);
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text + "'";
}

// "0x1.8p+1" is exact but nobody reads it: the shortest decimal that gives the same number back.
std::string real_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text.append(".0");
  return text;
}

bool may_be_taken_otherwise(std::string_view text) {
  constexpr std::array<std::string_view, 3> kNumbersOfLetters = {"inf", "infinity", "nan"};
  if (text.empty() || text.starts_with("x'")) return true;
  for (const std::string_view number : kNumbersOfLetters) {
    if (same_name(text, number)) return true;
  }
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

// Each unit of a pair stands beside the other.
bool is_valid_utf16(Bytes text) {
  bool half = false;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    std::uint16_t unit = 0;
    std::memcpy(&unit, text.data() + at, sizeof unit);
    const bool low = unit >= 0xdc00 && unit < 0xe000;
    if (low != half) return false;
    half = unit >= 0xd800 && unit < 0xdc00;
  }
  return !half && text.size() % 2 == 0;
}

std::string text_value(const Statement& row, int column, TextForm form) {
  if (form == TextForm::kUtf16 && !is_valid_utf16(row.text16(column))) {
    throw Error(
        ErrorCode::kIo,
        "a row has text that UTF-8 can't say (half a surrogate pair); nothing of its batch was deleted",
        "archive it into a table of the same database: --into TABLE");
  }
  return csv_text(row.text_view(column));
}

std::string csv_value(const Statement& row, int column, TextForm form) {
  switch (row.type(column)) {
    case ValueType::kInteger:
      return fmt::format("{}", row.integer(column));
    case ValueType::kReal:
      return real_text(row.real(column));
    case ValueType::kText:
      return text_value(row, column, form);
    case ValueType::kBlob:
      return blob_text(row.bytes(column));
    case ValueType::kNull:
      break;
  }
  return "";
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

std::string csv_line(const Statement& row, int first_column, TextForm form) {
  std::string line;
  for (int column = first_column; column < row.column_count(); column++) {
    if (column > first_column) line += ',';
    line += csv_value(row, column, form);
  }
  line.push_back('\n');
  return line;
}

}  // namespace litewright
