#include "archive/content_hash.h"

#include <array>
#include <bit>

#include "base/bytes.h"
#include "base/error.h"

namespace litewright {
namespace {

constexpr std::size_t kGatheredRow = 64u << 10;  // larger values go straight into the hash

void put_number(std::string& out, std::uint64_t value) {
  std::array<std::byte, 8> bytes{};
  store_native(bytes, 0, std::endian::native == std::endian::little ? value : std::byteswap(value));
  out += text_of(bytes);
}

void put_text(std::string& out, std::string_view text) {
  put_number(out, text.size());
  out += text;
}

}  // namespace

bool has_content(const SchemaObject& object) {
  if (object.type != "table" || object.is_virtual()) return false;
  return !object.is_internal() || object.name == "sqlite_sequence" || object.name == "sqlite_stat1";
}

void ContentHasher::begin_table(const std::string& name) {
  name_ = name;
  table_rows_ = 0;
  hash_.emplace();
}

void ContentHasher::add_row(Statement& row, int columns) {
  row_.clear();
  put_number(row_, static_cast<std::uint64_t>(columns));
  for (int i = 0; i < columns; i++) {
    const ValueType type = row.type(i);
    row_ += static_cast<char>(type);
    if (type == ValueType::kInteger) put_number(row_, static_cast<std::uint64_t>(row.integer(i)));
    if (type == ValueType::kReal) put_number(row_, std::bit_cast<std::uint64_t>(row.real(i)));
    if (type != ValueType::kText && type != ValueType::kBlob) continue;
    const Bytes bytes = row.bytes(i);
    put_number(row_, bytes.size());
    if (bytes.size() < kGatheredRow) {
      row_ += text_of(bytes);
    } else {
      hash_->add(bytes_of(row_));
      hash_->add(bytes);
      row_.clear();
    }
  }
  hash_->add(bytes_of(row_));
  table_rows_++;
}

void ContentHasher::end_table() {
  rows_ += table_rows_;
  if (table_rows_ > 0) tables_[name_] = {table_rows_, hash_->value()};
  hash_.reset();
}

void ContentHasher::add_object(const SchemaObject& object) {
  if (object.sql.empty() || object.is_internal()) return;
  objects_[object.type + ' ' + object.name] = object;
}

std::uint64_t ContentHasher::finish(Connection& connection) {
  std::string text;
  for (const char* pragma : {"PRAGMA user_version", "PRAGMA application_id"}) {
    put_number(text, static_cast<std::uint64_t>(connection.query_integer(pragma).value_or(0)));
  }
  put_text(text, connection.query_text("PRAGMA encoding"));
  for (const auto& [key, object] : objects_) {
    for (const std::string& part : {object.type, object.name, object.table, object.sql}) put_text(text, part);
  }
  for (const auto& [name, table] : tables_) {
    put_text(text, name);
    put_number(text, table.rows);
    put_number(text, table.hash);
  }
  return checksum64(bytes_of(text));
}

ContentHash hash_content(Connection& connection) {
  ContentHasher hasher;
  for (const SchemaObject& object : read_schema(connection)) {
    hasher.add_object(object);
    if (!has_content(object)) continue;
    TableLayout layout = read_layout(connection, object.name);
    if (object.is_internal()) layout.rowid.clear();
    Statement rows = connection.prepare(rows_query(layout));
    hasher.begin_table(object.name);
    const int columns = rows.column_count();
    while (rows.step()) hasher.add_row(rows, columns);
    hasher.end_table();
  }
  return {hasher.finish(connection), hasher.rows()};
}

}  // namespace litewright
