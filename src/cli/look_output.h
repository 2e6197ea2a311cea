// What the read-only looks (sql, schema, tables, stats --tables) have in common.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/command.h"
#include "operate/look_inside.h"

namespace litewright {

// The SQLite file named; throws Error{kUsage} for PostgreSQL, Error{kNoDatabase|kPermission} where it can't
// be there.
DatabaseLocation sqlite_location(const Invocation& invocation);

// --timeout, 1 minute by default.
std::chrono::nanoseconds look_timeout(const Invocation& invocation);

// `command` with a DB in front and --timeout.
Command look_command(Command command);

// Blobs as x'…'.
std::string value_text(const QueryValue& value, const char* null);
// Blobs as {"blob": "…"} in hexadecimal; an infinite real as text.
nlohmann::ordered_json value_json(const QueryValue& value);

}  // namespace litewright
