#include "maintain/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
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

// As PRAGMA optimize words it, too.
std::string analyze_statement(const std::string& table) {
  return fmt::format("ANALYZE \"main\".{}", quoted_name(table));
}

// Runs `work` for a table, which is left out where the schema has words that this SQLite does not know.
template <class Work>
bool unless_unknown(Connection& connection, const std::string& table, StatisticsReport& report, Work work) {
  try {
    work();
    return true;
  } catch (const Error&) {
    const auto why = connection.refused_words();
    if (!why) throw;
    report.left_out.push_back({table, *why});
    return false;
  }
}

// A transaction of its own: writers wait for one table at most. False: it was left out.
bool analyze_alone(Connection& connection, const Clock& clock, const StatisticsRequest& request,
                   const std::string& table, StatisticsReport& report) {
  const std::string sql = analyze_statement(table);
  SteadyTime alone;
  bool known = true;
  in_write_turn(connection, clock, request.patience, [&] {
    alone = clock.steady();
    known = unless_unknown(connection, table, report, [&] { connection.execute(sql.c_str()); });
  });
  report.longest_out = std::max(report.longest_out, std::chrono::duration<double>(clock.steady() - alone));
  return known;
}

// What PRAGMA optimize would run: ANALYZE "main"."orders".
std::set<std::string> wanted_by_optimize(Connection& connection) {
  std::set<std::string> statements;
  Statement row = connection.prepare("PRAGMA main.optimize(-1)");
  while (row.step()) statements.insert(row.text(0));
  return statements;
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
    if (analyze_alone(connection, clock, request, table, report))
      report.tables++;
    else if (!request.table.empty())
      throw Error(ErrorCode::kIo, fmt::format("{}: {}", table, report.left_out[0].why),
                  "only the application can analyze it: let it run ANALYZE " + quoted_name(table));
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
  std::vector<std::string> tables;
  for (const std::string& table : analyzable_tables(connection)) {
    if (unless_unknown(connection, table, report, [&] { use_indexes(connection, table); }))
      tables.push_back(table);
  }
  report.tables = tables.size();
  const std::set<std::string> wanted = wanted_by_optimize(connection);
  for (const std::string& table : tables) {
    if (!wanted.contains(analyze_statement(table))) continue;
    if (request.stop && request.stop()) {
      report.stopped = true;
      break;
    }
    analyze_alone(connection, clock, request, table, report);
  }
  report.changes = compare(before, read_statistics(connection));
  report.seconds = clock.steady() - began;
  return report;
}

}  // namespace litewright
