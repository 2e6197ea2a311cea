// Indexes that cost writes and give reads nothing: told from the schema alone.
#pragma once

#include <string>
#include <vector>

#include "base/finding.h"
#include "check/schema_map.h"

namespace litewright {

// index.duplicate (warning): another index has the same key. index.redundant (info): the key is the beginning
// of another index's. Neither speaks of indexes that a constraint made, unique, partial, or on expressions.
// `database` as it was named.
std::vector<Finding> audit_indexes(const SchemaMap& map, const std::string& database);

}  // namespace litewright
