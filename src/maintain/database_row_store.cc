#include "maintain/database_row_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "maintain/row_note.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

// While a batch is stored the source's writers wait.
constexpr std::chrono::milliseconds kStoreWait{100};

const std::vector<std::string> kNoteColumns = {"source", "target", "first_id", "last_id", "note"};

std::vector<std::string> columns_of(Connection& connection, const std::string& table) {
  Statement column = connection.prepare("SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden=0");
  column.bind(1, std::string_view(table));
  std::vector<std::string> names;
  while (column.step()) names.push_back(column.text(0));
  return names;
}

}  // namespace

// A run of ours that was killed leaves a hot journal where the file is not in WAL mode. It is ours to roll
// back, as whoever opens the file next would: refused, it would stay for ever, for nobody else may ever open
// it.
DatabaseRowStore::DatabaseRowStore(Options options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      form_(RowTable{.encoding = options_.encoding}.text_form()),
      shape_(options_.stored),
      turn_(take_target(options_.target, clock)),
      connection_(options_.target.file.string(),
                  {.mode = OpenMode::kCreate, .hot_journal = HotJournal::kLeaveToCaller}) {
  wait_long();
  connection_.execute("PRAGMA synchronous=FULL");
  if (connection_.query_integer("PRAGMA page_count") == 0) {
    connection_.execute(fmt::format("PRAGMA encoding={}", quoted_text(options_.encoding)).c_str());
  }
  refuse_other_shapes();
  make_tables();
}

void DatabaseRowStore::refuse_other_shapes() {
  const std::string file = options_.target.file.string();
  const std::vector<std::string> there = columns_of(connection_, options_.table);
  if (!there.empty() && there != shape_.columns) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{}: table {} exists and has other columns", file, options_.table),
                "name a table that does not exist yet: --into TABLE");
  }
  const std::vector<std::string> notes = columns_of(connection_, "litewright_unconfirmed");
  if (notes.empty() || notes == kNoteColumns) return;
  if (connection_.query_integer("SELECT count(*) FROM litewright_unconfirmed") != 0) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{}: another version of litewright was interrupted in a batch of it", file),
                "finish it with that version, or name another file");
  }
  connection_.execute("DROP TABLE litewright_unconfirmed");
}

void DatabaseRowStore::make_tables() {
  Transaction making(connection_, Transaction::Kind::kWrite);
  connection_.execute(shape_.create_sql(options_.table).c_str());
  connection_.execute(
      "CREATE TABLE IF NOT EXISTS litewright_unconfirmed(source TEXT, target TEXT, first_id INTEGER, last_id "
      "INTEGER, note TEXT, PRIMARY KEY(source, target))");
  making.commit();
}

void DatabaseRowStore::wait_long() { wait_patiently(connection_, clock_, options_.target.patience); }

std::optional<RowStore::Interrupted> DatabaseRowStore::interrupted() {
  wait_long();
  Statement row =
      connection_.prepare("SELECT target, note FROM litewright_unconfirmed WHERE source=?1 ORDER BY target");
  row.bind(1, std::string_view(options_.source));
  if (!row.step()) return std::nullopt;
  at_hand_ = row.text(0);
  return Interrupted{.note = row.text(1)};
}

void DatabaseRowStore::take_back() {
  wait_long();
  Transaction taking(connection_, Transaction::Kind::kWrite);
  Statement ids = connection_.prepare(
      "SELECT first_id, last_id FROM litewright_unconfirmed WHERE source=?1 AND target=?2");
  ids.bind(1, std::string_view(options_.source));
  ids.bind(2, std::string_view(at_hand_));
  // The first column is the id. Where somebody dropped the table, the batch went with it.
  const std::vector<std::string> columns = columns_of(connection_, at_hand_);
  if (ids.step() && !columns.empty()) {
    Statement rows = connection_.prepare(fmt::format("DELETE FROM main.{} WHERE {} BETWEEN ?1 AND ?2",
                                                     quoted_name(at_hand_), quoted_name(columns[0])));
    rows.bind(1, ids.integer(0));
    rows.bind(2, ids.integer(1));
    rows.step();
  }
  ids.reset();
  forget_note();
  taking.commit();
}

void DatabaseRowStore::confirm() {
  wait_long();
  forget_note();
}

void DatabaseRowStore::forget_note() {
  Statement note = connection_.prepare("DELETE FROM litewright_unconfirmed WHERE source=?1 AND target=?2");
  note.bind(1, std::string_view(options_.source));
  note.bind(2, std::string_view(at_hand_));
  note.step();
}

void DatabaseRowStore::store(const std::string& note, Statement& rows, int first_column) {
  connection_.set_busy_timeout(kStoreWait);
  at_hand_ = options_.table;
  std::vector<std::uint64_t> wanted;
  Transaction storing(connection_, Transaction::Kind::kWrite);
  const std::int64_t first = put(rows, first_column, wanted);
  Statement mark = connection_.prepare("INSERT INTO litewright_unconfirmed VALUES(?1, ?2, ?3, ?4, ?5)");
  mark.bind(1, std::string_view(options_.source));
  mark.bind(2, std::string_view(options_.table));
  mark.bind(3, first);
  mark.bind(4, first + static_cast<std::int64_t>(wanted.size()) - 1);
  mark.bind(5, std::string_view(note));
  mark.step();
  mark.reset();
  storing.commit();
  if (reads_back(first, wanted)) return;
  take_back();
  throw Error(
      ErrorCode::kIo,
      options_.target.file.string() +
          ": rows do not read back as they were written (is its disk sound? has it another encoding?); "
          "nothing of this batch was deleted",
      "name another file, which will have the source's encoding");
}

std::int64_t DatabaseRowStore::put(Statement& rows, int first_column, std::vector<std::uint64_t>& wanted) {
  const std::string table = quoted_name(options_.table);
  const std::int64_t first = connection_
                                 .query_integer(fmt::format("SELECT ifnull(max({}), 0)+1 FROM main.{}",
                                                            quoted_name(shape_.id), table))
                                 .value_or(1);
  const std::vector<std::string> places(options_.stored.size(), "?");
  Statement insert = connection_.prepare(fmt::format("INSERT INTO main.{} VALUES(?, {}, {})", table,
                                                     quoted_text(options_.time), fmt::join(places, ", ")));
  while (rows.step()) {
    insert.bind(1, first + static_cast<std::int64_t>(wanted.size()));
    wanted.push_back(row_checksum(rows, first_column, rows.column_count(), form_));
    for (int i = 0; i < static_cast<int>(options_.stored.size()); i++) {
      insert.bind_column(i + 2, rows, first_column + i);
    }
    insert.step();
    insert.reset();
  }
  return first;
}

bool DatabaseRowStore::reads_back(std::int64_t first, const std::vector<std::uint64_t>& wanted) {
  const RowTable names{.stored = options_.stored};
  Statement row = connection_.prepare(
      fmt::format("SELECT {0} FROM main.{1} WHERE {2} BETWEEN {3} AND {4} ORDER BY {2}",
                  names.stored_columns(""), quoted_name(options_.table), quoted_name(shape_.id), first,
                  first + static_cast<std::int64_t>(wanted.size()) - 1));
  std::vector<std::uint64_t> there;
  while (row.step()) there.push_back(row_checksum(row, 0, row.column_count(), form_));
  return there == wanted;
}

}  // namespace litewright
