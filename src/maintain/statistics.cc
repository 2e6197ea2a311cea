#include "maintain/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "sqlite/sql_names.h"

namespace litewright {
namespace {

using Statistics = std::map<std::pair<std::string, std::string>, std::string>;

Statistics read_statistics(Connection& connection) {
  Statistics statistics;
  if (!connection.query_integer("SELECT 1 FROM main.sqlite_schema WHERE name='sqlite_stat1'")) return {};
  Statement row = connection.prepare("SELECT tbl, ifnull(idx, ''), ifnull(stat, '') FROM main.sqlite_stat1");
  while (row.step()) statistics[{row.text(0), row.text(1)}] = row.text(2);
  return statistics;
}

std::vector<StatisticsChange> compare(const Statistics& before, const Statistics& after) {
  std::vector<StatisticsChange> changes;
  for (const auto& [key, stat] : after) {
    const auto old = before.find(key);
    if (old != before.end() && old->second == stat) continue;
    changes.push_back({key.first, key.second, old == before.end() ? "" : old->second, stat});
  }
  for (const auto& [key, stat] : before) {
    if (!after.contains(key)) changes.push_back({key.first, key.second, stat, ""});
  }
  return changes;
}

// Virtual tables and views have no b-tree.
std::vector<std::string> analyzable_tables(Connection& connection) {
  std::vector<std::string> tables;
  Statement row = connection.prepare(
      "SELECT name FROM main.sqlite_schema WHERE type='table' AND rootpage>0 AND name NOT LIKE 'sqlite\\_%' "
      "ESCAPE '\\' ORDER BY name");
  while (row.step()) tables.push_back(row.text(0));
  return tables;
}

std::vector<std::string> wanted_tables(Connection& connection, const std::string& wanted) {
  std::vector<std::string> tables = analyzable_tables(connection);
  if (wanted.empty()) return tables;
  std::erase_if(tables, [&wanted](const std::string& table) { return !same_name(table, wanted); });
  if (!tables.empty()) return tables;
  throw Error(ErrorCode::kUsage, fmt::format("{}: no table {}", connection.path(), wanted),
              "which tables there are: litewright tables DB");
}

void set_limit(Connection& connection, const StatisticsRequest& request) {
  connection.query_integer(fmt::format("PRAGMA analysis_limit={}", request.analysis_limit));
}

// Planned, so that SQLite counts the table as used. Unique indexes of one column need no statistics, and
// those on expressions have no column to ask for.
void use_indexes(Connection& connection, const std::string& table) {
  std::vector<std::string> queries;
  {
    Statement column = connection.prepare(
        "SELECT DISTINCT i.name FROM pragma_index_list(?1) AS l, pragma_index_info(l.name) AS i "
        "WHERE i.seqno=0 AND i.name IS NOT NULL");
    column.bind(1, std::string_view(table));
    while (column.step()) {
      queries.push_back(
          fmt::format("SELECT 1 FROM main.{} WHERE {}=?1", quoted_name(table), quoted_name(column.text(0))));
    }
  }
  for (const std::string& query : queries) connection.prepare(query);
}

}  // namespace

StatisticsReport analyze(Connection& connection, const Clock& clock, const StatisticsRequest& request) {
  StatisticsReport report;
  const SteadyTime began = clock.steady();
  set_limit(connection, request);
  const Statistics before = read_statistics(connection);
  for (const std::string& table : wanted_tables(connection, request.table)) {
    if (request.stop && request.stop()) {
      report.stopped = true;
      break;
    }
    WriteTurn turn(connection, clock, request.patience);
    const SteadyTime alone = clock.steady();
    connection.execute(fmt::format("ANALYZE main.{}", quoted_name(table)).c_str());
    turn.commit();
    report.longest_out = std::max(report.longest_out, std::chrono::duration<double>(clock.steady() - alone));
    report.tables++;
  }
  report.changes = compare(before, read_statistics(connection));
  report.seconds = clock.steady() - began;
  return report;
}

StatisticsReport optimize(Connection& connection, const Clock& clock, const StatisticsRequest& request) {
  StatisticsReport report;
  const SteadyTime began = clock.steady();
  set_limit(connection, request);
  const Statistics before = read_statistics(connection);
  const std::vector<std::string> tables = analyzable_tables(connection);
  for (const std::string& table : tables) use_indexes(connection, table);
  report.tables = tables.size();
  wait_patiently(connection, clock, request.patience);
  const SteadyTime alone = clock.steady();
  try {
    connection.execute("PRAGMA main.optimize");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLocked) throw;
    throw waited_in_vain(connection, request.patience);
  }
  report.changes = compare(before, read_statistics(connection));
  if (!report.changes.empty()) report.longest_out = clock.steady() - alone;
  report.seconds = clock.steady() - began;
  return report;
}

}  // namespace litewright
