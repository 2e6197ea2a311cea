#include "maintain/archive_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "sqlite/sql_names.h"

namespace litewright {
namespace {

std::string name_beside(std::string name, const std::vector<std::string>& others) {
  while (std::ranges::any_of(others, [&name](const std::string& other) { return same_name(other, name); }))
    name.push_back('_');
  return name;
}

}  // namespace

ArchiveTable::ArchiveTable(const std::vector<std::string>& stored)
    : id(name_beside("archived_id", stored)), at(name_beside("archived_at", stored)), columns({id, at}) {
  columns.insert(columns.end(), stored.begin(), stored.end());
}

std::string ArchiveTable::create_sql(const std::string& table) const {
  std::vector<std::string> definitions;
  for (const std::string& column : columns) definitions.push_back(quoted_name(column));
  definitions[0] += " INTEGER PRIMARY KEY";
  return fmt::format("CREATE TABLE IF NOT EXISTS main.{}({})", quoted_name(table),
                     fmt::join(definitions, ", "));
}

}  // namespace litewright
