#include "check/foreign_keys_sql.h"

#include <fmt/format.h>

#include "check/row_name.h"
#include "sqlite/sql_names.h"

namespace litewright {

void check_key_by_sql(Connection& connection, const ForeignKeyTask& task, std::size_t rows_named) {
  const std::string named = row_name_columns(*task.child, "c");
  // NOT INDEXED: in the order of the rows, whatever index would cover them.
  const std::string query =
      fmt::format("SELECT {} FROM main.{} AS c NOT INDEXED WHERE {}", named.empty() ? "NULL" : named,
                  quoted_name(task.child->name), orphan_condition(*task.child, *task.key, task.parent));
  ForeignKeyResult& result = *task.result;
  result.orphans = 0;
  result.rows.clear();
  try {
    Statement row = connection.prepare(query);
    while (row.step()) {
      result.orphans++;
      if (result.rows.size() < rows_named && !named.empty()) {
        result.rows.push_back(row_name(*task.child, row));
      }
    }
  } catch (const Error& error) {
    const bool damaged = error.code() == ErrorCode::kDamaged;
    result.state = damaged ? ForeignKeyResult::State::kDamaged : ForeignKeyResult::State::kUnchecked;
    result.reason = error.what();
  }
}

std::vector<std::int64_t> orphans_among(Connection& connection, const ForeignKeyTask& task,
                                        std::span<const std::int64_t> rowids) {
  Statement row = connection.prepare(fmt::format(
      "SELECT 1 FROM main.{} AS c WHERE c.{}=?1 AND {}", quoted_name(task.child->name),
      quoted_name(task.child->rowid_name()), orphan_condition(*task.child, *task.key, task.parent)));
  std::vector<std::int64_t> orphans;
  for (const std::int64_t rowid : rowids) {
    row.bind(1, rowid);
    if (row.step()) orphans.push_back(rowid);
    row.reset();
  }
  return orphans;
}

}  // namespace litewright
