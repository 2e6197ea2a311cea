// litewright schema: the statements that made the database.
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/look_output.h"

namespace litewright {
namespace {

int run_schema(const Invocation& invocation) {
  const DatabaseLocation location = sqlite_location(invocation);
  SafeReader reader(location.path.string(), invocation.session.clock, {.timeout = look_timeout(invocation)});
  const std::vector<std::string> statements = look_at_schema(reader, invocation.value("TABLE"));
  Output& output = invocation.session.output;
  for (const std::string& statement : statements) output.answer(statement);
  output.document({{"database", location.display}, {"statements", statements}});
  return 0;
}

}  // namespace

Command schema_command() {
  Command command = look_command(
      {.name = "schema",
       .summary = "the CREATE statements of the database or of a table",
       .description =
           "Prints them as they were given to SQLite; of a table with its indexes and triggers. The output "
           "is what check --startup --schema and reset --schema take.",
       .examples = {{"litewright schema app.db users", "one table, its indexes and triggers"}},
       .run = run_schema});
  command.positionals.push_back(
      {.name = "TABLE", .help = "a table or view", .count = Positional::Count::kOptional});
  return command;
}

}  // namespace litewright
