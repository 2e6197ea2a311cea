// Whether a database has the tables, columns and indexes that an application's schema script makes.
#pragma once

#include <string>
#include <vector>

#include "sqlite/connection.h"

namespace litewright {

// What `script` (CREATE statements) would make and the database does not have: "table does not exist: users",
// "column does not exist: users.email", "index does not exist: users_by_email". What the database has besides
// is nobody's business. Throws Error{kConfig} where the script does not run.
std::vector<std::string> missing_from_schema(Connection& database, const std::string& script);

// Runs the script on an empty database. Throws Error{kConfig} where it does not run.
void apply_schema(Connection& database, const std::string& script);

}  // namespace litewright
