#include "maintain/reindex.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>

#include "base/error.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

constexpr const char* kStandIn = "litewright_new_index";
// Sorted and written in the WAL; measured on the benchmark's database, a text key of 19 bytes.
constexpr double kRowsASecond = 700'000;

std::int64_t row_count(Connection& connection, const std::string& table) {
  return connection.query_integer(fmt::format("SELECT count(*) FROM main.{} NOT INDEXED", quoted_name(table)))
      .value_or(0);
}

std::int64_t root_page(Connection& connection, const std::string& index) {
  Statement statement =
      connection.prepare("SELECT rootpage FROM main.sqlite_schema WHERE type='index' AND name=?1");
  statement.bind(1, std::string_view(index));
  return statement.step() ? statement.integer(0) : 0;
}

Error explained(const Error& error, const ReindexTarget& target) {
  const std::string message = fmt::format("index {} of {}: {}", target.index, target.table, error.what());
  if (error.code() == ErrorCode::kDamaged) {
    return {ErrorCode::kDamaged, message + " (the table itself can't be read; nothing was changed)",
            "restore it from its archive: litewright restore DB"};
  }
  if (message.find("UNIQUE constraint failed") != std::string::npos) {
    return {ErrorCode::kDamaged, message + ": rows of the table have equal keys; nothing was changed",
            "delete or change one of each such pair, then reindex again"};
  }
  return {error.code(), message, error.hint()};
}

// The schema's entry of the old index is given the new one's b-tree. The cookie tells every other connection
// to read the schema again.
void build_beside(Connection& connection, const ReindexTarget& target) {
  connection.execute(
      fmt::format("CREATE {}INDEX main.{} {}", target.unique ? "UNIQUE " : "", kStandIn, target.definition)
          .c_str());
  const std::int64_t fresh = root_page(connection, kStandIn);
  connection.execute("PRAGMA writable_schema=ON");
  connection.execute(
      fmt::format("DELETE FROM main.sqlite_schema WHERE type='index' AND name={}", quoted_text(kStandIn))
          .c_str());
  connection.execute(fmt::format("UPDATE main.sqlite_schema SET rootpage={} WHERE type='index' AND name={}",
                                 fresh, quoted_text(target.index))
                         .c_str());
  const std::int64_t cookie = connection.query_integer("PRAGMA schema_version").value_or(0);
  connection.execute(fmt::format("PRAGMA schema_version={}", cookie + 1).c_str());
}

// True where the old b-tree could be emptied.
bool rebuilt_in_place(Connection& connection, const Clock& clock, const ReindexTarget& target,
                      const WritePatience& patience) {
  const std::string sql = fmt::format("REINDEX main.{}", quoted_name(target.index));
  try {
    in_write_turn(connection, clock, patience, [&] { connection.execute(sql.c_str()); });
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kDamaged) return false;
    throw explained(error, target);
  }
  return true;
}

void rebuilt_beside(Connection& connection, const Clock& clock, const ReindexTarget& target,
                    const WritePatience& patience) {
  try {
    in_write_turn(connection, clock, patience, [&] { build_beside(connection, target); });
  } catch (const Error& error) {
    connection.try_execute("PRAGMA writable_schema=RESET");
    throw explained(error, target);
  }
  connection.execute("PRAGMA writable_schema=RESET");  // and reads the schema again
}

}  // namespace

std::vector<std::string> table_faults(Connection& connection, const std::string& table) {
  std::vector<std::string> faults;
  Statement row = connection.prepare(fmt::format("PRAGMA main.integrity_check({})", quoted_name(table)));
  while (row.step()) {
    if (row.text(0) != "ok") faults.push_back(row.text(0));
  }
  return faults;
}

ReindexOutcome reindex(Connection& connection, const Clock& clock, const ReindexTarget& target,
                       const WritePatience& patience, const ReindexNotice& before) {
  ReindexOutcome outcome{.index = target.index, .table = target.table};
  try {
    outcome.rows = row_count(connection, target.table);
  } catch (const Error& error) {
    throw explained(error, target);
  }
  if (before)
    before(target, outcome.rows,
           std::chrono::duration<double>(0.05 + static_cast<double>(outcome.rows) / kRowsASecond));
  const SteadyTime begun = clock.steady();
  if (!rebuilt_in_place(connection, clock, target, patience)) {
    outcome.built_beside = true;
    rebuilt_beside(connection, clock, target, patience);
  }
  outcome.seconds = clock.steady() - begun;
  const std::vector<std::string> faults = table_faults(connection, target.table);
  for (const std::string& fault : faults) {
    if (fault.find(target.index) == std::string::npos) continue;
    throw Error(ErrorCode::kDamaged,
                fmt::format("index {} was made anew and still is wrong: {}", target.index, fault),
                "restore the database from its archive: litewright restore DB");
  }
  return outcome;
}

}  // namespace litewright
