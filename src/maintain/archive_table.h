// The shape of a table that holds archived rows: two columns of its own, then the rows', without types, so
// that each value stays as it is.
#pragma once

#include <string>
#include <vector>

namespace litewright {

struct ArchiveTable {
  // "archived_id", its INTEGER PRIMARY KEY, and "archived_at"; with a _ behind where the rows have such
  // columns.
  std::string id = {}, at = {};
  std::vector<std::string> columns = {};  // all, those two first

  explicit ArchiveTable(const std::vector<std::string>& stored);
  std::string create_sql(const std::string& table) const;  // where it does not exist
};

}  // namespace litewright
