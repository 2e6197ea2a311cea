// Which collation a table's column compares by: no pragma says it.
#pragma once

#include <string>

#include "sqlite/connection.h"

namespace litewright {

// The name as the schema writes it ("NOCASE"); "BINARY" where none is given. Throws where there is no such
// column.
std::string column_collation(Connection& connection, const std::string& table, const std::string& column);

}  // namespace litewright
