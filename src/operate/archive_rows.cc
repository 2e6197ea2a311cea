#include "operate/archive_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "archive/zstd_stream.h"
#include "base/error.h"
#include "base/process_table_linux.h"
#include "check/foreign_keys.h"
#include "check/parent_key.h"
#include "check/row_name.h"
#include "check/schema_map.h"
#include "maintain/csv_row_store.h"
#include "maintain/database_row_store.h"
#include "operate/row_target.h"
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

// Who the rows belong to, for as long as a batch of them is not settled. The path alone would not do: two
// containers may have each its /data/app.db, and one folder for both their archives.
struct SourceFile {
  std::string name;
  mode_t mode = 0600;
};

SourceFile look_at_source(const std::string& database, const std::string& table) {
  struct stat file{};
  struct statvfs system{};
  if (::stat(database.c_str(), &file) != 0 || ::statvfs(database.c_str(), &system) != 0)
    throw error_from_errno(errno, "look at " + database);
  constexpr mode_t kPermissions = 0666;
  return {.name = fmt::format("{}, table {} (file system {:x}, inode {})", database, table, system.f_fsid,
                              file.st_ino),
          .mode = file.st_mode & kPermissions};
}

// By the kernel's table: no descriptor of the file is opened (FACTS 7).
std::function<std::string()> asks_who_writes(const std::string& file) {
  return [file] {
    std::vector<std::string> writers;
    const FileHolders found = LinuxProcessTable().who_has_open({file}, OwnProcess::kExclude);
    for (const FileHolder& holder : found.holders) {
      const bool writes = std::ranges::any_of(holder.files, [](const HeldFile& held) {
        return std::ranges::any_of(held.locks,
                                   [](const HeldLock& lock) { return lock.kind == HeldLock::Kind::kFlock; });
      });
      if (writes) writers.push_back(describe(holder));
    }
    return fmt::format("{}", fmt::join(writers, ", "));
  };
}

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
  RowTable rows{.table = found->name, .row_key = row_key(*found), .encoding = map.encoding};
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

std::unique_ptr<RowStore> open_row_store(const RowStoreWish& wish, const RowTable& table,
                                         const Clock& clock) {
  const RowTarget kind = row_target(wish.file, wish.database);
  const SourceFile source = look_at_source(wish.database, table.table);
  TargetWish target{.file = wish.file,
                    .mode = source.mode,
                    .patience = {.longest_wait = wish.longest_wait, .who = asks_who_writes(wish.file)},
                    .stop = wish.stop};
  if (kind == RowTarget::kDatabase) {
    return std::make_unique<DatabaseRowStore>(
        DatabaseRowStore::Options{.target = std::move(target),
                                  .table = wish.table.empty() ? table.table : wish.table,
                                  .stored = table.stored,
                                  .source = source.name,
                                  .encoding = table.encoding,
                                  .time = wish.time},
        clock);
  }
  const bool packed = kind == RowTarget::kPackedCsv;
  return std::make_unique<CsvRowStore>(CsvRowStore::Options{.target = std::move(target),
                                                            .stored = table.stored,
                                                            .source = source.name,
                                                            .form = table.text_form(),
                                                            .pack = packed ? pack : as_it_is,
                                                            .unpack = packed ? unpack : as_it_is},
                                       clock);
}

}  // namespace litewright
