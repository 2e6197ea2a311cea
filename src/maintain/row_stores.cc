#include "maintain/row_stores.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <span>

#include "base/durable_file.h"
#include "base/error.h"
#include "maintain/row_text.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

constexpr std::uint64_t kLongestNote = 256u << 20;

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

Error not_as_written(const std::string& where) {
  return {ErrorCode::kIo, where + ": rows do not read back as they were written; nothing was deleted",
          "is its disk sound?"};
}

}  // namespace

DatabaseRowStore::DatabaseRowStore(Options options)
    : options_(std::move(options)), connection_(options_.path, {.mode = OpenMode::kCreate}) {
  connection_.execute("PRAGMA synchronous=FULL");
  {
    Statement column = connection_.prepare("SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden=0");
    column.bind(1, std::string_view(options_.table));
    std::vector<std::string> there;
    while (column.step()) there.push_back(column.text(0));
    if (!there.empty() && there != archive_table_columns(options_.stored)) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{}: table {} exists and has other columns", options_.path, options_.table),
                  "name a table that does not exist yet: --into TABLE");
    }
  }
  Transaction making(connection_, Transaction::Kind::kWrite);
  connection_.execute(create_archive_table(options_.table, options_.stored).c_str());
  connection_.execute(
      "CREATE TABLE IF NOT EXISTS litewright_unconfirmed(source TEXT PRIMARY KEY, first_id INTEGER, note "
      "TEXT)");
  making.commit();
}

std::optional<std::string> DatabaseRowStore::unconfirmed() {
  Statement row = connection_.prepare("SELECT note FROM litewright_unconfirmed WHERE source=?1");
  row.bind(1, std::string_view(options_.source));
  if (!row.step()) return std::nullopt;
  return row.text(0);
}

void DatabaseRowStore::take_back() {
  Transaction taking(connection_, Transaction::Kind::kWrite);
  connection_.execute(
      fmt::format("DELETE FROM main.{} WHERE archived_id>=(SELECT first_id FROM litewright_unconfirmed WHERE "
                  "source={})",
                  quoted_name(options_.table), quoted_text(options_.source))
          .c_str());
  connection_.execute(
      fmt::format("DELETE FROM litewright_unconfirmed WHERE source={}", quoted_text(options_.source))
          .c_str());
  taking.commit();
}

void DatabaseRowStore::confirm() {
  connection_.execute(
      fmt::format("DELETE FROM litewright_unconfirmed WHERE source={}", quoted_text(options_.source))
          .c_str());
}

void DatabaseRowStore::store(const std::string& note, Statement& rows, std::size_t key_columns) {
  std::vector<std::uint64_t> wanted;
  Transaction storing(connection_, Transaction::Kind::kWrite);
  const std::string table = quoted_name(options_.table);
  const std::int64_t first =
      connection_.query_integer(fmt::format("SELECT ifnull(max(archived_id), 0)+1 FROM main.{}", table))
          .value_or(1);
  const std::vector<std::string> places(options_.stored.size(), "?");
  Statement insert = connection_.prepare(fmt::format("INSERT INTO main.{} VALUES(NULL, {}, {})", table,
                                                     quoted_text(options_.time), fmt::join(places, ", ")));
  while (rows.step()) {
    wanted.push_back(row_checksum(rows, static_cast<int>(key_columns)));
    for (std::size_t i = 0; i < options_.stored.size(); i++) {
      insert.bind_column(static_cast<int>(i) + 1, rows, static_cast<int>(key_columns + i));
    }
    insert.step();
    insert.reset();
  }
  Statement mark = connection_.prepare("INSERT OR REPLACE INTO litewright_unconfirmed VALUES(?1, ?2, ?3)");
  mark.bind(1, std::string_view(options_.source));
  mark.bind(2, first);
  mark.bind(3, std::string_view(note));
  mark.step();
  mark.reset();
  storing.commit();
  read_back(first, wanted);
}

void DatabaseRowStore::read_back(std::int64_t first, const std::vector<std::uint64_t>& wanted) {
  std::vector<std::string> names;
  for (const std::string& column : options_.stored) names.push_back(quoted_name(column));
  Statement row =
      connection_.prepare(fmt::format("SELECT {} FROM main.{} WHERE archived_id>={} ORDER BY archived_id",
                                      fmt::join(names, ", "), quoted_name(options_.table), first));
  std::vector<std::uint64_t> there;
  while (row.step()) there.push_back(row_checksum(row, 0));
  if (there != wanted) throw not_as_written(options_.path);
}

CsvRowStore::CsvRowStore(std::filesystem::path file, const std::vector<std::string>& stored, Pack pack,
                         Pack unpack)
    : file_(std::move(file)),
      sidecar_(file_.string() + ".unconfirmed"),
      descriptor_(open_file(file_, O_RDWR | O_CREAT)),
      pack_(std::move(pack)),
      unpack_(std::move(unpack)) {
  if (::flock(descriptor_.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error(ErrorCode::kLocked, file_.string() + ": another run writes it", "try again when it is done");
  }
  const std::string head = csv_line(stored);
  const std::string packed = pack_(head);
  std::string there(packed.size(), '\0');
  const std::size_t length =
      pread_fully(descriptor_.get(), std::as_writable_bytes(std::span(there)), 0, file_.string());
  if (length == 0 || (length < packed.size() && there.starts_with(packed.substr(0, length)))) {
    pwrite_fully(descriptor_.get(), bytes_of(packed), 0, file_.string());
    if (::fsync(descriptor_.get()) != 0) throw error_from_errno(errno, "fsync " + file_.string());
    sync_folder(file_.has_parent_path() ? file_.parent_path() : ".");
  } else if (there != packed) {
    throw Error(ErrorCode::kUsage, file_.string() + ": it holds something else than rows of these columns",
                "name a file that does not exist yet");
  }
}

std::uint64_t CsvRowStore::size() const {
  struct stat status{};
  if (::fstat(descriptor_.get(), &status) != 0) throw error_from_errno(errno, "look at " + file_.string());
  return static_cast<std::uint64_t>(status.st_size);
}

std::optional<std::string> CsvRowStore::unconfirmed() {
  if (!std::filesystem::exists(sidecar_)) return std::nullopt;
  const std::string text = read_whole_file(sidecar_, kLongestNote);
  return text.substr(std::min(text.find('\n'), text.size() - 1) + 1);
}

void CsvRowStore::take_back() {
  const std::string text = read_whole_file(sidecar_, kLongestNote);
  std::uint64_t offset = 0;
  std::from_chars(text.data(), text.data() + text.size(), offset);
  if (offset > 0 && offset < size() && ::ftruncate(descriptor_.get(), static_cast<off_t>(offset)) != 0)
    throw error_from_errno(errno, "cut " + file_.string());
  if (::fsync(descriptor_.get()) != 0) throw error_from_errno(errno, "fsync " + file_.string());
  confirm();
}

void CsvRowStore::confirm() { std::filesystem::remove(sidecar_); }

void CsvRowStore::store(const std::string& note, Statement& rows, std::size_t key_columns) {
  std::string text;
  while (rows.step()) text += csv_line(rows, static_cast<int>(key_columns));
  const std::string packed = pack_(text);
  const std::uint64_t offset = size();
  write_file_durably(sidecar_, bytes_of(fmt::format("{}\n{}", offset, note)));
  pwrite_fully(descriptor_.get(), bytes_of(packed), offset, file_.string());
  if (::fsync(descriptor_.get()) != 0) throw error_from_errno(errno, "fsync " + file_.string());
  std::string there(packed.size(), '\0');
  pread_fully(descriptor_.get(), std::as_writable_bytes(std::span(there)), offset, file_.string());
  if (there != packed || unpack_(there) != text) throw not_as_written(file_.string());
}

}  // namespace litewright
