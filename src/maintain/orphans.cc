#include "maintain/orphans.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

using Action = OrphanOptions::Action;

// k1, k2, … are the temporary tables' names for the row's key.
std::string key_names(const OrphanKey& key, const std::string& prefix) {
  std::vector<std::string> names;
  for (std::size_t i = 1; i <= key.row_key.size(); i++) names.push_back(fmt::format("{}k{}", prefix, i));
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string key_columns(const OrphanKey& key, const std::string& prefix) {
  std::vector<std::string> names;
  for (const std::string& name : key.row_key) names.push_back(prefix + quoted_name(name));
  return fmt::format("{}", fmt::join(names, ", "));
}

// c is the row that stands in the temporary table named `listed`.
std::string same_row(const OrphanKey& key, const std::string& listed) {
  std::string condition;
  for (std::size_t i = 0; i < key.row_key.size(); i++) {
    condition +=
        fmt::format("{}c.{} = {}.k{}", i == 0 ? "" : " AND ", quoted_name(key.row_key[i]), listed, i + 1);
  }
  return condition;
}

std::string row_text(Statement& row, std::size_t columns) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < columns; i++) {
    const auto column = static_cast<int>(i);
    values.push_back(row.type(column) == ValueType::kText ? quoted_text(row.text(column)) : row.text(column));
  }
  return values.size() == 1 ? values[0] : fmt::format("({})", fmt::join(values, ", "));
}

class Mending {
 public:
  Mending(Connection& connection, const Clock& clock, const OrphanKey& key, const OrphanOptions& options)
      : connection_(connection),
        clock_(clock),
        key_(key),
        options_(options),
        table_("main." + quoted_name(key.table)) {
    outcome_ = {.table = key.table, .columns = key.columns, .parent = key.parent};
  }

  OrphanOutcome run() {
    refuse_what_cannot_be();
    connection_.execute("PRAGMA foreign_keys=OFF");
    run_sql("DROP TABLE IF EXISTS temp.litewright_orphan");
    find();
    if (options_.action == Action::kList || options_.look_only || outcome_.found == 0) return outcome_;
    run_sql("DROP TABLE IF EXISTS temp.litewright_batch");
    run_sql("CREATE TEMP TABLE litewright_batch AS SELECT * FROM temp.litewright_orphan WHERE 0");
    const auto last = static_cast<std::int64_t>(outcome_.found);
    const auto step = static_cast<std::int64_t>(std::max<std::size_t>(options_.batch_rows, 1));
    for (std::int64_t done = 0; done < last; done += step) {
      if (options_.stop && options_.stop()) {
        outcome_.stopped = true;
        return outcome_;
      }
      take_batch(done, done + step);
    }
    return outcome_;
  }

 private:
  void run_sql(const std::string& sql) { connection_.execute(sql.c_str()); }
  std::int64_t integer(const std::string& sql) { return connection_.query_integer(sql).value_or(0); }

  void refuse_what_cannot_be() {
    if (options_.action == Action::kNull && key_.nullable.empty()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{}({}) is NOT NULL: it can't be set to NULL", key_.table, key_.columns),
                  "--delete, or --set-aside TABLE");
    }
    if (options_.action != Action::kSetAside) return;
    if (same_name(options_.set_aside_table, key_.table)) {
      throw Error(ErrorCode::kUsage, "rows can't be set aside in the table they come from",
                  "name another table");
    }
    Statement column = connection_.prepare("SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden=0");
    column.bind(1, std::string_view(options_.set_aside_table));
    std::vector<std::string> there;
    while (column.step()) there.push_back(column.text(0));
    if (there.empty() || there == set_aside_columns()) return;
    throw Error(ErrorCode::kUsage,
                fmt::format("table {} exists and has other columns than {}'s rows need",
                            options_.set_aside_table, key_.table),
                "name a table that does not exist yet");
  }

  std::vector<std::string> set_aside_columns() const {
    std::vector<std::string> columns = {"set_aside_id", "set_aside_at", "set_aside_row"};
    columns.insert(columns.end(), key_.stored.begin(), key_.stored.end());
    return columns;
  }

  // One moment of the database; a read transaction only.
  void find() {
    Transaction reading(connection_, Transaction::Kind::kRead);
    std::vector<std::string> named;
    for (std::size_t i = 0; i < key_.row_key.size(); i++) {
      named.push_back(fmt::format("c.{} AS k{}", quoted_name(key_.row_key[i]), i + 1));
    }
    run_sql(fmt::format(
        "CREATE TEMP TABLE litewright_orphan AS SELECT {}, 0 AS pointed_at FROM {} AS c NOT INDEXED "
        "WHERE {}",
        fmt::join(named, ", "), table_, key_.condition));
    outcome_.found = static_cast<std::uint64_t>(integer("SELECT count(*) FROM temp.litewright_orphan"));
    if (options_.action != Action::kNull) mark_pointed_at();
    Statement row =
        connection_.prepare(fmt::format("SELECT {} FROM temp.litewright_orphan ORDER BY rowid LIMIT {}",
                                        key_names(key_, ""), options_.rows_named));
    while (row.step()) outcome_.rows.push_back(row_text(row, key_.row_key.size()));
    row.reset();
    reading.commit();  // a rollback would take the temporary table along
  }

  // Each referencing table is read once, whatever indexes it has.
  void mark_pointed_at() {
    if (outcome_.found == 0 || key_.pointed_at.empty()) return;
    run_sql(
        fmt::format("CREATE INDEX temp.litewright_orphan_key ON litewright_orphan({})", key_names(key_, "")));
    for (const std::string& from : key_.pointed_at) {
      run_sql(
          fmt::format("UPDATE temp.litewright_orphan SET pointed_at=1 WHERE rowid IN (SELECT o.rowid FROM {} "
                      "CROSS JOIN temp.litewright_orphan AS o WHERE {})",
                      from, same_row(key_, "o")));
    }
    outcome_.pointed_at =
        static_cast<std::uint64_t>(integer("SELECT count(*) FROM temp.litewright_orphan WHERE pointed_at"));
  }

  void take_batch(std::int64_t after, std::int64_t last) {
    std::int64_t wanted = 0;
    std::int64_t rows = 0;
    in_write_turn(connection_, clock_, options_.patience, [&] {
      wanted = batch_of(after, last);
      rows = integer("SELECT count(*) FROM temp.litewright_batch");
      if (rows > 0) act(rows);
    });
    outcome_.mended += static_cast<std::uint64_t>(rows);
    outcome_.gone += static_cast<std::uint64_t>(wanted - rows);
  }

  // Looked at again, with the write lock held; how many it was to be.
  std::int64_t batch_of(std::int64_t after, std::int64_t last) {
    run_sql("DELETE FROM temp.litewright_batch");
    const auto wanted = integer(fmt::format(
        "SELECT count(*) FROM temp.litewright_orphan WHERE rowid>{} AND rowid<={} AND NOT pointed_at", after,
        last));
    run_sql(fmt::format(
        "INSERT INTO temp.litewright_batch SELECT o.* FROM temp.litewright_orphan AS o CROSS JOIN {} "
        "AS c WHERE {} AND o.rowid>{} AND o.rowid<={} AND NOT o.pointed_at AND {}",
        table_, same_row(key_, "o"), after, last, key_.condition));
    return wanted;
  }

  void act(std::int64_t rows) {
    if (options_.action == Action::kSetAside) set_aside(rows);
    std::string statement = "DELETE FROM " + table_;
    if (options_.action == Action::kNull) {
      std::vector<std::string> nulls;
      for (const std::string& column : key_.nullable) nulls.push_back(quoted_name(column) + "=NULL");
      statement = fmt::format("UPDATE {} SET {}", table_, fmt::join(nulls, ", "));
    }
    run_sql(fmt::format("{} WHERE ({}) IN (SELECT {} FROM temp.litewright_batch)", statement,
                        key_columns(key_, ""), key_names(key_, "")));
    const auto changed = integer("SELECT changes()");
    if (changed == rows) return;
    throw Error(
        ErrorCode::kIo,
        fmt::format(
            "{}: {} of {} rows were changed: a trigger of the application's stood in the way; nothing "
            "of this batch was kept",
            key_.table, changed, rows),
        "look at the table's triggers: litewright sql DB, then SELECT sql FROM sqlite_schema");
  }

  // Copies first, and holds each copy against its row, type and bytes, before anything goes.
  void set_aside(std::int64_t rows) {
    const std::string aside = "main." + quoted_name(options_.set_aside_table);
    std::vector<std::string> names, values, same;
    for (const std::string& column : key_.stored) {
      const std::string name = quoted_name(column);
      names.push_back(name);
      values.push_back("c." + name);
      same.push_back(fmt::format("s.{0} IS c.{0} AND typeof(s.{0})=typeof(c.{0})", name));
    }
    // Columns without a type keep every value as it is.
    run_sql(fmt::format(
        "CREATE TABLE IF NOT EXISTS {}(set_aside_id INTEGER PRIMARY KEY, set_aside_at, set_aside_row, {})",
        aside, fmt::join(names, ", ")));
    const auto base = integer(fmt::format("SELECT ifnull(max(set_aside_id), 0) FROM {}", aside));
    const std::string row_id = key_.row_key.size() == 1 ? "b.k1" : "NULL";
    run_sql(fmt::format(
        "INSERT INTO {} SELECT {}+b.rowid, {}, {}, {} FROM temp.litewright_batch AS b CROSS JOIN {} AS c "
        "WHERE {}",
        aside, base, quoted_text(options_.time), row_id, fmt::join(values, ", "), table_,
        same_row(key_, "b")));
    const auto equal = integer(
        fmt::format("SELECT count(*) FROM temp.litewright_batch AS b CROSS JOIN {} AS c CROSS JOIN {} AS s "
                    "WHERE {} AND s.set_aside_id={}+b.rowid AND {}",
                    table_, aside, same_row(key_, "b"), base, fmt::join(same, " AND ")));
    if (equal == rows) return;
    throw Error(ErrorCode::kIo,
                fmt::format("{}: only {} of {} rows are equal where they were set aside; nothing was deleted",
                            key_.table, equal, rows),
                "look at the triggers of " + options_.set_aside_table);
  }

  Connection& connection_;
  const Clock& clock_;
  const OrphanKey& key_;
  const OrphanOptions& options_;
  const std::string table_;
  OrphanOutcome outcome_;
};

}  // namespace

OrphanOutcome mend_orphans(Connection& connection, const Clock& clock, const OrphanKey& key,
                           const OrphanOptions& options) {
  return Mending(connection, clock, key, options).run();
}

}  // namespace litewright
