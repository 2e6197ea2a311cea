#include "operate/reset_database.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/file_descriptor.h"
#include "format/database_header.h"
#include "operate/database_placement.h"
#include "operate/expected_schema.h"
#include "sqlite/connection.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

// Of what is there: a file that is no database any more is reset all the same.
bool is_in_wal_mode(const fs::path& database) {
  std::array<std::byte, kDatabaseHeaderBytes> beginning{};
  const FileDescriptor file = open_file(database, O_RDONLY);
  const std::size_t length = pread_fully(file.get(), beginning, 0, database.string());
  const auto header = parse_database_header(Bytes(beginning).first(length));
  return header && header->is_wal();
}

std::uint64_t make_fresh(const fs::path& file, const std::optional<std::string>& schema, bool wal) {
  Connection connection(file.string(), ConnectionOptions{.mode = OpenMode::kReadWrite});
  if (schema) apply_schema(connection, *schema);
  // Without a table SQLite would write no page, and an empty file is taken for a mistake by others.
  connection.execute("CREATE TABLE litewright_first_page(x); DROP TABLE litewright_first_page");
  connection.execute("VACUUM");
  if (wal) connection.query_text("PRAGMA journal_mode=WAL");
  return static_cast<std::uint64_t>(
      connection.query_integer("SELECT count(*) FROM sqlite_schema WHERE type='table'").value_or(0));
}

}  // namespace

ResetReport reset_database(const fs::path& database, const std::optional<std::string>& schema,
                           const ProcessTable& processes, WallTime now) {
  const fs::path target = resolve_target(database.string());
  std::error_code failure;
  if (!fs::is_directory(target.parent_path(), failure)) {
    throw Error(ErrorCode::kNoDatabase,
                fmt::format("Database folder does not exist: {}", target.parent_path().string()),
                "mount the volume, or make the folder");
  }
  const bool there = fs::exists(target, failure);
  if (there) refuse_while_open(processes, target);
  DurableFile file(target, 0600);
  ResetReport report = {.database = target.string()};
  report.tables = make_fresh(file.temporary(), schema, there && is_in_wal_mode(target));
  report.kept = put_in_place(file, target, processes, now, "reset");
  return report;
}

}  // namespace litewright
