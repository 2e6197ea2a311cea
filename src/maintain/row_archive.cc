#include "maintain/row_archive.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/checksum.h"
#include "base/error.h"
#include "maintain/row_text.h"
#include "maintain/row_time.h"
#include "sqlite/sql_names.h"
#include "sqlite/trigger_effects.h"

namespace litewright {
namespace {

constexpr int kMostRounds = 64;  // of rows that go after those that pointed at them

class Archiving {
 public:
  Archiving(Connection& connection, const Clock& clock, const RowTable& table,
            const RowArchiveRequest& request)
      : connection_(connection),
        clock_(clock),
        rows_of_(table),
        request_(request),
        table_("main." + quoted_name(table.table)),
        old_(older_than(request.column, request.cutoff)) {}

  RowArchiveOutcome run() {
    refuse_what_cannot_be();
    refuse_triggers_that_delete();
    connection_.execute("PRAGMA foreign_keys=OFF");
    if (request_.store != nullptr && !request_.dry_run) settle_interrupted();
    for (int round = 0; round < kMostRounds; round++) {
      const std::uint64_t before = outcome_.archived;
      find(round == 0);
      if (!request_.dry_run) take_all();
      const bool more = outcome_.pointed_at > 0 && outcome_.archived > before;
      if (!more || outcome_.stopped) break;
    }
    return outcome_;
  }

 private:
  void run_sql(const std::string& sql) { connection_.execute(sql.c_str()); }
  std::int64_t integer(const std::string& sql) { return connection_.query_integer(sql).value_or(0); }

  std::string key_names(const std::string& prefix) const {
    std::vector<std::string> names;
    for (std::size_t i = 1; i <= rows_of_.row_key.size(); i++)
      names.push_back(fmt::format("{}k{}", prefix, i));
    return fmt::format("{}", fmt::join(names, ", "));
  }

  std::string key_columns(const std::string& prefix) const {
    std::vector<std::string> names;
    for (const std::string& name : rows_of_.row_key) names.push_back(prefix + quoted_name(name));
    return fmt::format("{}", fmt::join(names, ", "));
  }

  std::string stored_columns(const std::string& prefix) const {
    std::vector<std::string> names;
    for (const std::string& name : rows_of_.stored) names.push_back(prefix + quoted_name(name));
    return fmt::format("{}", fmt::join(names, ", "));
  }

  std::string same_row(const std::string& listed) const {
    std::string condition;
    for (std::size_t i = 0; i < rows_of_.row_key.size(); i++) {
      condition += fmt::format("{}c.{} = {}.k{}", i == 0 ? "" : " AND ", quoted_name(rows_of_.row_key[i]),
                               listed, i + 1);
    }
    return condition;
  }

  void refuse_what_cannot_be() {
    const auto is_wanted = [this](const std::string& name) { return same_name(name, request_.column); };
    if (std::ranges::none_of(rows_of_.stored, is_wanted) &&
        std::ranges::none_of(rows_of_.generated, is_wanted)) {
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
    if (there.empty() || there == archive_table_columns(rows_of_.stored)) return;
    throw Error(ErrorCode::kUsage,
                fmt::format("table {} exists and has other columns than {}'s rows need",
                            request_.same_database_table, rows_of_.table),
                "name a table that does not exist yet");
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
    run_sql(fmt::format("CREATE INDEX temp.litewright_old_key ON litewright_old({})", key_names("")));
    for (const RowTable::Reference& reference : rows_of_.references) {
      run_sql(
          fmt::format("UPDATE temp.litewright_old SET pointed_at=1 WHERE rowid IN (SELECT o.rowid FROM {} "
                      "CROSS JOIN {} AS c "
                      "ON {} CROSS JOIN temp.litewright_old AS o WHERE {})",
                      reference.from, table_, reference.on, same_row("o")));
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

  void take_batch(std::int64_t after, std::int64_t last) {
    WriteTurn turn(connection_, clock_, request_.patience);
    const SteadyTime alone = clock_.steady();
    run_sql("DELETE FROM temp.litewright_batch");
    run_sql(fmt::format(
        "INSERT INTO temp.litewright_batch SELECT o.* FROM temp.litewright_old AS o CROSS JOIN {} AS c "
        "WHERE {} AND o.rowid>{} AND o.rowid<={} AND NOT o.pointed_at AND {}",
        table_, same_row("o"), after, last, old_));
    for (const RowTable::Reference& reference : rows_of_.references) {
      run_sql(
          fmt::format("DELETE FROM temp.litewright_batch WHERE rowid IN (SELECT b.rowid FROM "
                      "temp.litewright_batch AS b CROSS "
                      "JOIN {} AS c ON {} JOIN {} ON {})",
                      table_, same_row("b"), reference.from, reference.on));
    }
    const std::int64_t rows = integer("SELECT count(*) FROM temp.litewright_batch");
    changed_by_triggers_ = 0;
    if (rows > 0) {
      copy(rows);
      remove(rows);
    }
    turn.commit();
    if (request_.store != nullptr && rows > 0) request_.store->confirm();
    outcome_.archived += static_cast<std::uint64_t>(rows);
    outcome_.trigger_changes += changed_by_triggers_;
    outcome_.longest_out =
        std::max(outcome_.longest_out, std::chrono::duration<double>(clock_.steady() - alone));
  }

  Statement batch_rows() {
    return connection_.prepare(fmt::format(
        "SELECT {}, {} FROM temp.litewright_batch AS b CROSS JOIN {} AS c WHERE {} ORDER BY b.rowid",
        key_columns("c."), stored_columns("c."), table_, same_row("b")));
  }

  void copy(std::int64_t rows) {
    if (request_.store == nullptr) {
      copy_beside(rows);
      return;
    }
    std::string note;
    Statement row = batch_rows();
    while (row.step()) note += note_of(row, rows_of_.row_key.size());
    row.reset();
    request_.store->store(note, row, rows_of_.row_key.size());
  }

  // Each copy is held against its row, type and bytes.
  void copy_beside(std::int64_t rows) {
    const std::string beside = "main." + quoted_name(request_.same_database_table);
    run_sql(create_archive_table(request_.same_database_table, rows_of_.stored));
    const std::int64_t base = integer(fmt::format("SELECT ifnull(max(archived_id), 0) FROM {}", beside));
    run_sql(
        fmt::format("INSERT INTO {} SELECT {}+b.rowid, {}, {} FROM temp.litewright_batch AS b CROSS JOIN {} "
                    "AS c WHERE {}",
                    beside, base, quoted_text(request_.time), stored_columns("c."), table_, same_row("b")));
    std::vector<std::string> same;
    for (const std::string& column : rows_of_.stored) {
      same.push_back(fmt::format("s.{0} IS c.{0} AND typeof(s.{0})=typeof(c.{0})", quoted_name(column)));
    }
    const std::int64_t equal = integer(
        fmt::format("SELECT count(*) FROM temp.litewright_batch AS b CROSS JOIN {} AS c CROSS JOIN {} AS s "
                    "WHERE {} AND s.archived_id={}+b.rowid AND {}",
                    table_, beside, same_row("b"), base, fmt::join(same, " AND ")));
    if (equal == rows) return;
    throw Error(ErrorCode::kIo,
                fmt::format("{}: only {} of {} rows are equal in {}; nothing of this batch was kept",
                            rows_of_.table, equal, rows, request_.same_database_table),
                "look at the triggers of " + request_.same_database_table);
  }

  void remove(std::int64_t rows) {
    const std::int64_t before = integer("SELECT total_changes()");
    run_sql(fmt::format("DELETE FROM {} WHERE ({}) IN (SELECT {} FROM temp.litewright_batch)", table_,
                        key_columns(""), key_names("")));
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

  // The deletion is one transaction: where one row of the batch still stands as it was copied, it never came.
  void settle_interrupted() {
    const auto note = request_.store->unconfirmed();
    if (!note) return;
    WriteTurn turn(connection_, clock_, request_.patience);
    if (still_stands(*note)) {
      request_.store->take_back();
      outcome_.taken_back++;
    } else {
      request_.store->confirm();
    }
  }

  bool still_stands(const std::string& note) {
    for (std::size_t from = 0; from < note.size();) {
      const std::size_t end = std::min(note.find('\n', from), note.size());
      const std::string line = note.substr(from, end - from + 1);
      const std::string key = key_in_note(line);
      Statement row =
          connection_.prepare(fmt::format("SELECT {}, {} FROM {} AS c WHERE ({}) = ({})", key_columns("c."),
                                          stored_columns("c."), table_, key_columns("c."), key));
      if (row.step() && note_of(row, rows_of_.row_key.size()) == line) return true;
      from = end + 1;
    }
    return false;
  }

  Connection& connection_;
  const Clock& clock_;
  const RowTable& rows_of_;
  const RowArchiveRequest& request_;
  const std::string table_;
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
