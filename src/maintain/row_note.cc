#include "maintain/row_note.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <span>

#include "base/checksum.h"
#include "base/error.h"

namespace litewright {
namespace {

constexpr std::size_t kChecksumDigits = 16;

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

Error damaged(std::string_view line) {
  return {ErrorCode::kDamaged, fmt::format("not a line of a batch's note: '{}'", line.substr(0, 80)),
          "was it written by another version of litewright?"};
}

char letter_of(ValueType type, TextForm form) {
  switch (type) {
    case ValueType::kInteger:
      return 'i';
    case ValueType::kReal:
      return 'r';
    case ValueType::kText:
      return form == TextForm::kUtf16 ? 'u' : 't';
    case ValueType::kBlob:
      return 'b';
    case ValueType::kNull:
      break;
  }
  return 'n';
}

// Of a text or blob; neither is converted where `form` is its database's.
Bytes bytes_of(const Statement& row, int column, TextForm form) {
  if (row.type(column) == ValueType::kBlob) return row.bytes(column);
  return form == TextForm::kUtf16 ? row.text16(column) : bytes_of(row.text_view(column));
}

std::string noted_value(const Statement& row, int column, TextForm form) {
  const ValueType type = row.type(column);
  std::string value(1, letter_of(type, form));
  switch (type) {
    case ValueType::kNull:
      break;
    case ValueType::kInteger:
      value += fmt::format("{}", row.integer(column));
      break;
    case ValueType::kReal:
      value += fmt::format("{:016x}", std::bit_cast<std::uint64_t>(row.real(column)));
      break;
    default:
      for (const std::byte byte : bytes_of(row, column, form))
        value += fmt::format("{:02x}", static_cast<unsigned>(byte));
  }
  return value;
}

template <class Number>
Number number_in(std::string_view digits, int base, std::string_view line) {
  Number number = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (failure != std::errc() || end != digits.data() + digits.size()) throw damaged(line);
  return number;
}

std::string bytes_in(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(number_in<unsigned char>(digits.substr(i, 2), 16, digits)));
  }
  return bytes;
}

void bind_value(Statement& statement, int index, std::string_view value) {
  const std::string_view rest = value.substr(1);
  switch (value[0]) {
    case 'n':
      return statement.bind_null(index);
    case 'i':
      return statement.bind(index, number_in<std::int64_t>(rest, 10, value));
    case 'r':
      return statement.bind_real(index, std::bit_cast<double>(number_in<std::uint64_t>(rest, 16, value)));
    case 't':
      return statement.bind(index, std::string_view(bytes_in(rest)));
    case 'u':
      return statement.bind_text16(index, bytes_of(bytes_in(rest)));
    case 'b':
      return statement.bind_blob(index, bytes_of(bytes_in(rest)));
    default:
      throw damaged(value);
  }
}

}  // namespace

std::uint64_t row_checksum(const Statement& row, int first, int end, TextForm form) {
  Checksum64Stream sum;
  for (int column = first; column < end; column++) {
    const ValueType type = row.type(column);
    const bool is_long = type == ValueType::kText || type == ValueType::kBlob;
    const std::string head = is_long ? std::string(1, letter_of(type, form)) : noted_value(row, column, form);
    const Bytes bytes = is_long ? bytes_of(row, column, form) : Bytes();
    // The length tells where a value ends: 'a','bc' is not 'ab','c'.
    sum.add(bytes_of(fmt::format("{} {} ", head, bytes.size())));
    sum.add(bytes);
  }
  return sum.value();
}

NotedRow NotedRow::of(const Statement& row, std::size_t key_columns, TextForm form) {
  const int after_key = 1 + static_cast<int>(key_columns);
  NotedRow noted{.whole = row_checksum(row, 1, row.column_count(), form),
                 .keyed = row_checksum(row, 0, after_key, form)};
  for (int column = 1; column < after_key; column++) noted.key.push_back(noted_value(row, column, form));
  return noted;
}

NotedRow NotedRow::parse(std::string_view line) {
  constexpr std::size_t kKeyAt = 2 * (kChecksumDigits + 1);
  if (line.size() <= kKeyAt) throw damaged(line);
  NotedRow noted{
      .whole = number_in<std::uint64_t>(line.substr(0, kChecksumDigits), 16, line),
      .keyed = number_in<std::uint64_t>(line.substr(kChecksumDigits + 1, kChecksumDigits), 16, line)};
  for (std::size_t from = kKeyAt; from <= line.size();) {
    const std::size_t end = std::min(line.find(' ', from), line.size());
    if (end == from) throw damaged(line);
    noted.key.emplace_back(line.substr(from, end - from));
    from = end + 1;
  }
  return noted;
}

std::string NotedRow::line() const {
  std::string line = fmt::format("{:016x} {:016x}", whole, keyed);
  for (const std::string& value : key) line += " " + value;
  return line + "\n";
}

void NotedRow::bind_key(Statement& statement) const {
  for (std::size_t i = 0; i < key.size(); i++) bind_value(statement, static_cast<int>(i) + 1, key[i]);
}

}  // namespace litewright
