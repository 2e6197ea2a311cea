// litewright init: a commented litewright.toml for a database.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/disk_space.h"
#include "base/durable_file.h"
#include "base/shell_words.h"
#include "cli/commands.h"
#include "cli/look_output.h"
#include "config/first_configuration.h"

namespace litewright {
namespace {

constexpr std::chrono::seconds kCountingTime{5};  // then the rows are left out

FoundDatabase find_out(const std::string& path, const Clock& clock) {
  FoundDatabase found = {.path = path, .disk_bytes = disk_space(path).all};
  SafeReader reader(path, clock, {.timeout = kCountingTime});
  Connection& connection = reader.connection();
  found.journal_mode = connection.query_text("PRAGMA journal_mode");
  found.bytes = static_cast<std::uint64_t>(connection.query_integer("PRAGMA page_count").value_or(0) *
                                           connection.query_integer("PRAGMA page_size").value_or(0));
  try {
    for (const TableLook& look : look_at_tables(reader, LookDepth::kRows)) {
      if (look.kind != "table" || look.rows.value_or(0) <= found.largest_rows) continue;
      found.largest_table = look.name;
      found.largest_rows = *look.rows;
    }
  } catch (const Error&) {
    if (!reader.timed_out()) throw;
  }
  return found;
}

int run_init(const Invocation& invocation) {
  const DatabaseLocation location = sqlite_location(invocation);
  const std::string path = std::filesystem::canonical(location.path).string();
  const std::string text = first_configuration(find_out(path, invocation.session.clock));
  const std::string file = invocation.value("output").value_or("litewright.toml");
  Output& output = invocation.session.output;
  if (file == "-") {
    output.answer(text.substr(0, text.size() - 1));
    output.document({{"database", path}, {"text", text}});
    return 0;
  }
  DurableFile made(std::filesystem::absolute(file), 0644);
  made.append(std::as_bytes(std::span(text)));
  made.commit(OnExisting::kFailIfExists);
  output.line(
      fmt::format("wrote {}: look at it, then litewright check {}", file, shell_quoted(location.display)));
  output.document({{"database", path}, {"file", file}});
  return 0;
}

}  // namespace

Command init_command() {
  return look_command(
      {.name = "init",
       .summary = "a commented litewright.toml for the database",
       .description =
           "Writes a configuration that fits what it finds: path, journal mode, limits that the database "
           "is not beyond already; everything else stands there as comments. A file that exists is never "
           "replaced.",
       .options = {{.name = "output",
                    .letter = 'o',
                    .value = "FILE",
                    .help = "the file to write (default litewright.toml; - prints)"}},
       .examples = {{"litewright init /data/app.db -o /etc/litewright/litewright.toml",
                     "a first configuration"}},
       .run = run_init});
}

}  // namespace litewright
