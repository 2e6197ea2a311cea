#include "operate/expected_schema.h"

#include <fmt/format.h>

#include "base/error.h"
#include "sqlite/sql_names.h"
#include "sqlite/sql_script.h"

namespace litewright {
namespace {

constexpr const char* kObjects =
    "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'index', 'view') "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type DESC, rowid";

bool exists(Connection& database, const std::string& type, const std::string& name) {
  Statement find =
      database.prepare("SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2 COLLATE NOCASE");
  find.bind(1, type);
  find.bind(2, name);
  return find.step();
}

std::vector<std::string> columns(Connection& database, const std::string& table) {
  std::vector<std::string> names;
  Statement info = database.prepare(fmt::format("PRAGMA table_xinfo({})", quoted_name(table)));
  while (info.step()) names.push_back(info.text(1));
  return names;
}

void compare_columns(Connection& expected, Connection& database, const std::string& table,
                     std::vector<std::string>& missing) {
  const std::vector<std::string> there = columns(database, table);
  for (const std::string& name : columns(expected, table)) {
    bool found = false;
    for (const std::string& other : there) found = found || same_name(name, other);
    if (!found) missing.push_back(fmt::format("column does not exist: {}.{}", table, name));
  }
}

}  // namespace

void apply_schema(Connection& database, const std::string& script) {
  try {
    SqlScript runner(database);
    runner.feed(script);
    if (!script.ends_with('\n')) runner.feed("\n");
    runner.finish();
  } catch (const Error& error) {
    throw Error(ErrorCode::kConfig, fmt::format("the schema script does not run: {}", error.what()),
                "it is SQL that makes the tables: sqlite3 app.db .schema > schema.sql");
  }
}

std::vector<std::string> missing_from_schema(Connection& database, const std::string& script) {
  Connection expected(":memory:", ConnectionOptions{.mode = OpenMode::kCreate});
  apply_schema(expected, script);
  std::vector<std::string> missing;
  Statement objects = expected.prepare(kObjects);
  while (objects.step()) {
    const std::string type = objects.text(0), name = objects.text(1);
    if (!exists(database, type, name)) {
      missing.push_back(fmt::format("{} does not exist: {}", type, name));
    } else if (type == "table") {
      compare_columns(expected, database, name, missing);
    }
  }
  return missing;
}

}  // namespace litewright
