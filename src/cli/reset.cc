// litewright reset: a fresh database, the old one kept aside.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/file_descriptor.h"
#include "base/process_table_linux.h"
#include "cli/commands.h"
#include "operate/reset_database.h"

namespace litewright {
namespace {

constexpr std::uint64_t kMostSchemaBytes = 16 << 20;

int run_reset(const Invocation& invocation) {
  const DatabaseLocation location = invocation.database();
  if (location.kind != DatabaseKind::kSqlite) {
    throw Error(ErrorCode::kUsage, location.display + " is a PostgreSQL database; reset is for SQLite files");
  }
  if (!invocation.flag("yes")) {
    throw Error(ErrorCode::kUsage,
                fmt::format("reset puts an empty database in the place of {}", location.display),
                "say --yes: the old one is kept beside it as .before-reset-TIME");
  }
  if (std::filesystem::exists(location.path)) require_database_file(location);
  std::optional<std::string> schema;
  if (const auto file = invocation.value("schema")) schema = read_whole_file(*file, kMostSchemaBytes);
  const LinuxProcessTable processes;
  const ResetReport report =
      reset_database(location.path, schema, processes, invocation.session.clock.wall());
  Output& output = invocation.session.output;
  output.line(fmt::format("{} is fresh: {} tables", report.database, report.tables));
  for (const std::string& kept : report.kept) output.line("kept " + kept);
  output.document({{"database", report.database}, {"kept", report.kept}, {"tables", report.tables}});
  return 0;
}

}  // namespace

Command reset_command() {
  Command command = with_database(
      {.name = "reset",
       .summary = "a fresh database, the old one kept aside",
       .description =
           "Puts an empty database, or one that a schema script makes, in the place of this one. The old "
           "one stays beside it with its -wal taken in, as .before-reset-TIME. Refused while anybody has it "
           "open.",
       .options = {{.name = "yes", .help = "yes, do it"},
                   {.name = "schema", .value = "FILE", .help = "SQL that makes the tables"}},
       .examples = {{"litewright reset app.db --yes --schema schema.sql", "begin anew with empty tables"}},
       .run = run_reset});
  std::erase_if(command.options, [](const Option& option) { return option.name == "archive"; });
  return command;
}

}  // namespace litewright
