// litewright tables: what is in the database.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/look_output.h"

namespace litewright {
namespace {

int run_tables(const Invocation& invocation) {
  const DatabaseLocation location = sqlite_location(invocation);
  SafeReader reader(location.path.string(), invocation.session.clock, {.timeout = look_timeout(invocation)});
  const bool count = invocation.flag("rows");
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  TextTable table(
      {{.title = "TABLE"}, {.title = "KIND"}, {.title = "ROWS", .align = TextTable::Align::kRight}});
  for (const TableLook& look : look_at_tables(reader, count ? LookDepth::kRows : LookDepth::kNames)) {
    if (look.kind == "index") continue;
    table.add({look.name, look.kind, look.rows ? fmt::format("{}", *look.rows) : ""});
    nlohmann::ordered_json item = {{"name", look.name}, {"kind", look.kind}};
    if (look.rows) item["rows"] = *look.rows;
    list.push_back(item);
  }
  Output& output = invocation.session.output;
  if (table.empty())
    output.line("no tables");
  else
    output.table(table);
  output.document({{"database", location.display}, {"tables", list}});
  return 0;
}

}  // namespace

Command tables_command() {
  return look_command({.name = "tables",
                       .summary = "the tables and views",
                       .description =
                           "Names them in the order in which they were made. --rows counts, which reads the "
                           "smallest index of each table.",
                       .options = {{.name = "rows", .help = "with the number of their rows"}},
                       .examples = {{"litewright tables app.db --rows", "what is in it"}},
                       .run = run_tables});
}

}  // namespace litewright
