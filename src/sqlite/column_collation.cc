#include "sqlite/column_collation.h"

#include <sqlite3.h>

namespace litewright {

std::string column_collation(Connection& connection, const std::string& table, const std::string& column) {
  const char* collation = nullptr;
  const int rc = sqlite3_table_column_metadata(connection.handle(), "main", table.c_str(), column.c_str(),
                                               nullptr, &collation, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) throw connection.error(rc, "look at column " + column + " of " + table);
  return collation != nullptr ? collation : "BINARY";
}

}  // namespace litewright
