// litewright sql: one query, read only.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/look_output.h"
#include "operate/look_inside.h"

namespace litewright {
namespace {

constexpr std::size_t kMostRowsAligned = 10000;  // more are printed as they come

std::string query_of(const Invocation& invocation) {
  if (const auto query = invocation.value("QUERY")) return *query;
  if (::isatty(STDIN_FILENO) != 0) {
    throw Error(ErrorCode::kUsage, "no query", "litewright sql app.db 'SELECT count(*) FROM users'");
  }
  return {std::istreambuf_iterator<char>(std::cin), {}};
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted(1, '"');
  for (const char c : text) {
    if (c == '"') quoted += c;
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

void print_csv(Output& output, Statement& statement, const std::vector<std::string>& columns) {
  const auto line = [&output](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); i++) text.append(i == 0 ? "" : ",").append(csv_cell(cells[i]));
    output.answer(text + "\r");
  };
  line(columns);
  each_row(statement, [&](const std::vector<QueryValue>& row) {
    std::vector<std::string> cells;
    for (const QueryValue& value : row) cells.push_back(value_text(value, ""));
    line(cells);
  });
}

void print_json(Output& output, Statement& statement, const std::vector<std::string>& columns) {
  DocumentStream document(output);
  document.add("columns", columns);
  document.begin_list("rows");
  const std::uint64_t rows = each_row(statement, [&document](const std::vector<QueryValue>& row) {
    nlohmann::ordered_json values = nlohmann::ordered_json::array();
    for (const QueryValue& value : row) values.push_back(value_json(value));
    document.item(values);
  });
  document.end_list();
  document.add("count", rows);
  document.finish();
}

void answer_table(Output& output, const TextTable& table) {
  std::string text = table.render();
  if (text.ends_with('\n')) text.pop_back();
  output.answer(text);
}

void print_text(Output& output, Statement& statement, const std::vector<std::string>& names) {
  std::vector<TextTable::Column> columns;
  for (const std::string& name : names) columns.push_back({.title = name});
  TextTable table(columns);
  std::size_t held = 0;
  each_row(statement, [&](const std::vector<QueryValue>& row) {
    std::vector<std::string> cells;
    for (const QueryValue& value : row) cells.push_back(value_text(value, "NULL"));
    table.add(std::move(cells));
    if (++held % kMostRowsAligned != 0) return;
    answer_table(output, table);
    table = TextTable(columns);
  });
  if (!table.empty() || held == 0) answer_table(output, table);
}

int run_sql(const Invocation& invocation) {
  const DatabaseLocation location = sqlite_location(invocation);
  SafeReader reader(location.path.string(), invocation.session.clock, {.timeout = look_timeout(invocation)});
  reader.refuse_all_else();
  try {
    Statement statement = reader.prepare(query_of(invocation));
    Output& output = invocation.session.output;
    if (output.json())
      print_json(output, statement, reader.columns());
    else if (invocation.flag("csv"))
      print_csv(output, statement, reader.columns());
    else
      print_text(output, statement, reader.columns());
  } catch (const Error& error) {
    if (reader.statement_was_wrong() && error.code() != ErrorCode::kUsage) {
      throw Error(ErrorCode::kUsage, error.what(), "litewright schema DB   shows what is there");
    }
    if (!reader.timed_out()) throw;
    throw Error(ErrorCode::kLocked, "the query was ended at its time limit", "give it longer: --timeout 10m");
  }
  return 0;
}

}  // namespace

Command sql_command() {
  Command command = look_command(
      {.name = "sql",
       .summary = "one read-only query",
       .description =
           "Runs one query and prints its rows. Nothing can be written: statements that write, ATTACH and "
           "pragmas that set something are refused. No lock is held longer than the query, and the query "
           "no longer than --timeout. Without QUERY it is read from standard input.",
       .options = {{.name = "csv", .help = "rows as comma separated values"}},
       .examples = {{"litewright sql app.db 'SELECT count(*) FROM users'", "a look at the live database"},
                    {"litewright sql app.db 'PRAGMA table_info(users)' --json", "for a program"}},
       .run = run_sql});
  command.positionals.push_back(
      {.name = "QUERY", .help = "one statement", .count = Positional::Count::kOptional});
  return command;
}

}  // namespace litewright
