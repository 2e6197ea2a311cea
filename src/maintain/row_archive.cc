#include "maintain/row_archive.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "maintain/archive_table.h"
#include "maintain/row_note.h"
#include "maintain/row_settlement.h"
#include "maintain/row_time.h"
#include "sqlite/sql_names.h"
#include "sqlite/trigger_effects.h"

namespace litewright {
namespace {

constexpr std::chrono::milliseconds kShortestPause{50}, kLongestPause{1000};

class Archiving {
 public:
  Archiving(Connection& connection, const Clock& clock, const RowTable& table,
            const RowArchiveRequest& request)
      : connection_(connection),
        clock_(clock),
        rows_of_(table),
        request_(request),
        table_(table.sql_name()),
        shape_(table.stored),
        old_(older_than(request.column, request.cutoff)) {}

  RowArchiveOutcome run() {
    refuse_what_cannot_be();
    refuse_triggers_that_delete();
    connection_.execute("PRAGMA foreign_keys=OFF");
    if (request_.store != nullptr && !request_.dry_run) settle();
    // Rows go after those that pointed at them, as many rounds as their chain is long: each takes a row at
    // least.
    for (bool first = true;; first = false) {
      const std::uint64_t before = outcome_.archived;
      find(first);
      if (!request_.dry_run) take_all();
      const bool more = outcome_.pointed_at > 0 && outcome_.archived > before;
      if (!more || outcome_.stopped) break;
    }
    return outcome_;
  }

 private:
  void run_sql(const std::string& sql) { connection_.execute(sql.c_str()); }
  std::int64_t integer(const std::string& sql) { return connection_.query_integer(sql).value_or(0); }

  void refuse_what_cannot_be() {
    if (!rows_of_.has_column(request_.column)) {
      throw Error(ErrorCode::kUsage, fmt::format("{} has no column {}", rows_of_.table, request_.column),
                  "which columns there are: litewright schema DB");
    }
    if (request_.store != nullptr) return;
    if (same_name(request_.same_database_table, rows_of_.table)) {
      throw Error(ErrorCode::kUsage, "rows can't be archived into the table they come from",
                  "name another table");
    }
    Statement column = connection_.prepare("SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden=0");
    column.bind(1, std::string_view(request_.same_database_table));
    std::vector<std::string> there;
    while (column.step()) there.push_back(column.text(0));
    if (there.empty() || there == shape_.columns) return;
    throw Error(ErrorCode::kUsage,
                fmt::format("table {} exists and has other columns than {}'s rows need",
                            request_.same_database_table, rows_of_.table),
                "name a table that does not exist yet");
  }

  void settle() {
    wait_patiently(connection_, clock_, request_.patience);
    const RowSettlement settled = settle_interrupted(connection_, rows_of_, request_.column, *request_.store);
    outcome_.taken_back = settled.taken_back;
    outcome_.maybe_twice = settled.maybe_twice;
  }

  void refuse_triggers_that_delete() {
    const TriggerEffects effects = trigger_effects(connection_, "DELETE FROM " + table_);
    triggers_write_ = effects.writes_tables;
    if (effects.deletions.empty() || request_.run_triggers) return;
    const TriggerEffects::Deletion& first = effects.deletions.front();
    throw Error(
        ErrorCode::kUsage,
        fmt::format(
            "{}: its trigger {} deletes rows of {}{}, and no copy of those would be made", rows_of_.table,
            first.trigger, first.table,
            effects.deletions.size() == 1 ? "" : fmt::format(" ({} such in all)", effects.deletions.size())),
        fmt::format("archive {} first, or let them go: --run-triggers", first.table));
  }

  // One moment of the database; a read transaction only. Those that others point at are marked.
  void find(bool first) {
    run_sql("DROP TABLE IF EXISTS temp.litewright_old");
    run_sql("DROP TABLE IF EXISTS temp.litewright_batch");
    Transaction reading(connection_, Transaction::Kind::kRead);
    std::vector<std::string> named;
    for (std::size_t i = 0; i < rows_of_.row_key.size(); i++) {
      named.push_back(fmt::format("c.{} AS k{}", quoted_name(rows_of_.row_key[i]), i + 1));
    }
    run_sql(
        fmt::format("CREATE TEMP TABLE litewright_old AS SELECT {}, 0 AS pointed_at, {} AS at FROM {} AS c "
                    "WHERE {}",
                    fmt::join(named, ", "), seconds_of("c." + quoted_name(request_.column)), table_, old_));
    run_sql("CREATE TEMP TABLE litewright_batch AS SELECT * FROM temp.litewright_old WHERE 0");
    run_sql(fmt::format("CREATE INDEX temp.litewright_old_key ON litewright_old({})", rows_of_.key_names()));
    for (const RowTable::Reference& reference : rows_of_.references) {
      run_sql(
          fmt::format("UPDATE temp.litewright_old SET pointed_at=1 WHERE rowid IN (SELECT o.rowid FROM {} "
                      "CROSS JOIN {} AS c "
                      "ON {} CROSS JOIN temp.litewright_old AS o WHERE {})",
                      reference.from, table_, reference.on, rows_of_.same_row("o")));
    }
    last_ = integer("SELECT ifnull(max(rowid), 0) FROM temp.litewright_old");
    outcome_.pointed_at =
        static_cast<std::uint64_t>(integer("SELECT count(*) FROM temp.litewright_old WHERE pointed_at"));
    if (first) say_what_is_there();
    reading.commit();  // a rollback would take the temporary tables along
  }

  void say_what_is_there() {
    const std::string column = "c." + quoted_name(request_.column);
    outcome_.rows = static_cast<std::uint64_t>(integer(fmt::format("SELECT count(*) FROM {}", table_)));
    outcome_.found = static_cast<std::uint64_t>(integer("SELECT count(*) FROM temp.litewright_old"));
    outcome_.oldest = time_in("SELECT min(at) FROM temp.litewright_old");
    outcome_.newest = time_in("SELECT max(at) FROM temp.litewright_old");
    outcome_.unreadable = static_cast<std::uint64_t>(
        integer(fmt::format("SELECT count(*) FROM {} AS c WHERE {} IS NOT NULL AND ({}) IS NULL", table_,
                            column, seconds_of(column))));
  }

  std::optional<WallTime> time_in(const std::string& sql) {
    const auto seconds = connection_.query_integer(sql);
    if (!seconds) return std::nullopt;
    // Text says years that nanoseconds do not reach: 0001-01-01, 9999-12-31.
    constexpr std::int64_t kMost = 9'223'372'036;
    return WallTime(std::chrono::seconds(std::clamp(*seconds, -kMost, kMost)));
  }

  void take_all() {
    const auto step = static_cast<std::int64_t>(std::max<std::size_t>(request_.batch_rows, 1));
    for (std::int64_t done = 0; done < last_; done += step) {
      if (request_.stop && request_.stop()) {
        outcome_.stopped = true;
        return;
      }
      take_batch(done, done + step);
    }
  }

  // Once more where a file was locked, up to the patience: between two tries nobody is kept out of either.
  void take_batch(std::int64_t after, std::int64_t last) {
    const SteadyTime end = clock_.steady() + request_.patience.longest_wait;
    for (std::chrono::milliseconds pause = kShortestPause;; pause = std::min(2 * pause, kLongestPause)) {
      const std::optional<Locked> locked = try_batch(after, last);
      if (!locked) return;
      if (request_.stop && request_.stop()) {
        outcome_.stopped = true;
        return;
      }
      if (clock_.steady() + pause >= end) {
        if (locked->at_commit) throw waited_in_vain(connection_, request_.patience);
        throw Error(locked->error);
      }
      std::this_thread::sleep_for(pause);
    }
  }

  struct Locked {
    Error error;
    bool at_commit;  // the source; else the store's file
  };

  std::optional<Locked> try_batch(std::int64_t after, std::int64_t last) {
    std::optional<WriteTurn> turn(std::in_place, connection_, clock_, request_.patience);
    const SteadyTime alone = clock_.steady();
    std::int64_t rows = 0;
    bool stored = false, committing = false;
    try {
      rows = list_batch(after, last);
      if (rows > 0) {
        copy(rows);
        stored = request_.store != nullptr;
        remove(rows);
      }
      committing = true;
      turn->commit();
    } catch (const Error& error) {
      turn.reset();  // what is not committed is rolled back before its copy goes
      const bool locked = error.code() == ErrorCode::kLocked;
      // After another failure of COMMIT nobody knows whether it came: the next run looks, by the note.
      if (stored && locked) request_.store->take_back();
      if (stored && !locked && !committing) try_to_take_back();
      if (!locked) throw;
      return Locked{error, committing};
    }
    turn.reset();
    if (stored) request_.store->confirm();
    outcome_.archived += static_cast<std::uint64_t>(rows);
    outcome_.trigger_changes += changed_by_triggers_;
    outcome_.longest_out =
        std::max(outcome_.longest_out, std::chrono::duration<double>(clock_.steady() - alone));
    return std::nullopt;
  }

  // Beside an error that matters more: where this fails too, the note stands, and the next run does it.
  void try_to_take_back() {
    try {
      request_.store->take_back();
    } catch (const Error&) {
    }
  }

  std::int64_t list_batch(std::int64_t after, std::int64_t last) {
    changed_by_triggers_ = 0;
    run_sql("DELETE FROM temp.litewright_batch");
    run_sql(fmt::format(
        "INSERT INTO temp.litewright_batch SELECT o.* FROM temp.litewright_old AS o CROSS JOIN {} AS c "
        "WHERE {} AND o.rowid>{} AND o.rowid<={} AND NOT o.pointed_at AND {}",
        table_, rows_of_.same_row("o"), after, last, old_));
    for (const RowTable::Reference& reference : rows_of_.references) {
      run_sql(
          fmt::format("DELETE FROM temp.litewright_batch WHERE rowid IN (SELECT b.rowid FROM "
                      "temp.litewright_batch AS b CROSS "
                      "JOIN {} AS c ON {} JOIN {} ON {})",
                      table_, rows_of_.same_row("b"), reference.from, reference.on));
    }
    return integer("SELECT count(*) FROM temp.litewright_batch");
  }

  void copy(std::int64_t rows) {
    if (request_.store == nullptr) {
      copy_beside(rows);
      return;
    }
    Statement row = connection_.prepare(fmt::format(
        "SELECT c.{}, {}, {} FROM temp.litewright_batch AS b CROSS JOIN {} AS c WHERE {} ORDER BY b.rowid",
        quoted_name(request_.column), rows_of_.key_columns("c."), rows_of_.stored_columns("c."), table_,
        rows_of_.same_row("b")));
    const std::size_t key_columns = rows_of_.row_key.size();
    std::string note;
    while (row.step()) note += NotedRow::of(row, key_columns, rows_of_.text_form()).line();
    row.reset();
    request_.store->store(note, row, 1 + static_cast<int>(key_columns));
  }

  // Each copy is held against its row, type and bytes.
  void copy_beside(std::int64_t rows) {
    const std::string beside = "main." + quoted_name(request_.same_database_table);
    run_sql(shape_.create_sql(request_.same_database_table));
    const std::int64_t base =
        integer(fmt::format("SELECT ifnull(max({}), 0) FROM {}", quoted_name(shape_.id), beside));
    run_sql(
        fmt::format("INSERT INTO {} SELECT {}+b.rowid, {}, {} FROM temp.litewright_batch AS b CROSS JOIN {} "
                    "AS c WHERE {}",
                    beside, base, quoted_text(request_.time), rows_of_.stored_columns("c."), table_,
                    rows_of_.same_row("b")));
    std::vector<std::string> same;
    for (const std::string& column : rows_of_.stored) {
      same.push_back(fmt::format("s.{0} IS c.{0} AND typeof(s.{0})=typeof(c.{0})", quoted_name(column)));
    }
    const std::int64_t equal = integer(fmt::format(
        "SELECT count(*) FROM temp.litewright_batch AS b CROSS JOIN {} AS c CROSS JOIN {} AS s "
        "WHERE {} AND s.{}={}+b.rowid AND {}",
        table_, beside, rows_of_.same_row("b"), quoted_name(shape_.id), base, fmt::join(same, " AND ")));
    if (equal == rows) return;
    throw Error(ErrorCode::kIo,
                fmt::format("{}: only {} of {} rows are equal in {}; nothing of this batch was kept",
                            rows_of_.table, equal, rows, request_.same_database_table),
                "look at the triggers of " + request_.same_database_table);
  }

  void remove(std::int64_t rows) {
    const std::int64_t before = integer("SELECT total_changes()");
    run_sql(fmt::format("DELETE FROM {} WHERE ({}) IN (SELECT {} FROM temp.litewright_batch)", table_,
                        rows_of_.key_columns(""), rows_of_.key_names()));
    const std::int64_t changed = integer("SELECT changes()");
    changed_by_triggers_ =
        triggers_write_ ? static_cast<std::uint64_t>(integer("SELECT total_changes()") - before - rows) : 0;
    if (changed == rows) return;
    throw Error(
        ErrorCode::kIo,
        fmt::format(
            "{}: {} of {} rows were deleted: a trigger of the application's stood in the way; nothing of "
            "this batch was deleted",
            rows_of_.table, changed, rows),
        "look at the table's triggers: litewright schema DB");
  }

  Connection& connection_;
  const Clock& clock_;
  const RowTable& rows_of_;
  const RowArchiveRequest& request_;
  const std::string table_;
  const ArchiveTable shape_;
  const std::string old_;
  std::int64_t last_ = 0;
  bool triggers_write_ = false;
  std::uint64_t changed_by_triggers_ = 0;  // by the batch at hand
  RowArchiveOutcome outcome_;
};

}  // namespace

RowArchiveOutcome archive_rows(Connection& connection, const Clock& clock, const RowTable& table,
                               const RowArchiveRequest& request) {
  return Archiving(connection, clock, table, request).run();
}

}  // namespace litewright
