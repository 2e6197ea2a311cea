#include "operate/archive_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "archive/zstd_stream.h"
#include "base/error.h"
#include "check/foreign_keys.h"
#include "check/parent_key.h"
#include "check/row_name.h"
#include "check/schema_map.h"
#include "maintain/row_stores.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

// In memory: a batch of rows.
class TextSink final : public ByteSink {
 public:
  void write(Bytes data) override { text.append(reinterpret_cast<const char*>(data.data()), data.size()); }
  void finish() override {}
  std::string text;
};

class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string_view text) : text_(text) {}
  std::size_t read(MutableBytes out) override {
    const std::size_t length = std::min(out.size(), text_.size());
    std::copy_n(std::as_bytes(std::span(text_)).begin(), length, out.begin());
    text_.remove_prefix(length);
    return length;
  }

 private:
  std::string_view text_;
};

std::string pack(std::string_view text) {
  TextSink packed;
  ZstdSink sink(packed, 1);
  sink.write(std::as_bytes(std::span(text)));
  sink.finish();
  return packed.text;
}

std::string unpack(std::string_view packed) {
  TextSource from(packed);
  ZstdSource source(from, "the batch");
  std::string text;
  std::string piece(256u << 10, '\0');
  while (const std::size_t length = source.read(std::as_writable_bytes(std::span(piece)))) {
    text.append(piece, 0, length);
  }
  return text;
}

std::string as_it_is(std::string_view text) { return std::string(text); }

std::vector<std::string> row_key(const SchemaTable& table) {
  if (!table.without_rowid) return {table.rowid_name()};
  std::vector<std::string> names;
  for (const std::size_t column : key_order(table)) names.push_back(table.columns[column].name);
  return names;
}

}  // namespace

RowTable find_row_table(const std::string& database, const std::string& table) {
  Connection connection(database, {.mode = OpenMode::kReadWrite});
  const SchemaMap map = read_schema_map(connection);
  const SchemaTable* found = map.table(table);
  if (found == nullptr) {
    throw Error(ErrorCode::kUsage, fmt::format("{}: no table {}", database, table),
                "which tables there are: litewright tables DB");
  }
  if (!found->without_rowid && found->rowid_name().empty()) {
    throw Error(ErrorCode::kUsage, fmt::format("{}: columns have taken all names of its rowid", found->name),
                "its rows can't be told apart in SQL");
  }
  RowTable rows{.table = found->name, .row_key = row_key(*found)};
  for (const SchemaColumn& column : found->columns) {
    (column.generated == GeneratedKind::kNone ? rows.stored : rows.generated).push_back(column.name);
  }
  for (const SchemaTable& dependent : map.tables) {
    for (const SchemaForeignKey& key : dependent.foreign_keys) {
      ParentKey parent = find_parent_key(map, key);
      const bool has_key = parent.kind == ParentKey::Kind::kRowid || parent.kind == ParentKey::Kind::kIndex;
      if (parent.table != found || !has_key) continue;
      RowTable::Reference reference{.from = fmt::format("main.{} AS d", quoted_name(dependent.name)),
                                    .on = parent_join(dependent, parent, "d", "c")};
      // A row that points at itself stands in nobody's way.
      std::vector<std::string> itself;
      for (const std::string& name : rows.row_key)
        itself.push_back(fmt::format("d.{0}=c.{0}", quoted_name(name)));
      if (&dependent == found) reference.on += fmt::format(" AND NOT ({})", fmt::join(itself, " AND "));
      rows.references.push_back(std::move(reference));
    }
  }
  return rows;
}

std::unique_ptr<RowStore> open_row_store(const RowStoreWish& wish, const RowTable& table) {
  if (wish.file.ends_with(".csv.zst")) {
    return std::make_unique<CsvRowStore>(wish.file, table.stored, pack, unpack);
  }
  if (wish.file.ends_with(".csv")) {
    return std::make_unique<CsvRowStore>(wish.file, table.stored, as_it_is, as_it_is);
  }
  std::error_code failure;
  if (std::filesystem::equivalent(wish.file, wish.database, failure)) {
    throw Error(ErrorCode::kUsage, wish.file + " is the database that the rows come from",
                "a table of the same database: --into TABLE");
  }
  return std::make_unique<DatabaseRowStore>(
      DatabaseRowStore::Options{.path = wish.file,
                                .table = wish.table.empty() ? table.table : wish.table,
                                .stored = table.stored,
                                .source = wish.database + ":" + table.table,
                                .time = wish.time});
}

}  // namespace litewright
