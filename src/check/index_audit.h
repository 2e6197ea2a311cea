// Indexes that cost writes and give reads nothing: told from the schema alone.
#pragma once

#include <string>
#include <vector>

#include "base/finding.h"
#include "check/schema_map.h"

namespace litewright {

// index.duplicate: another index has the same key. index.redundant: the key is the beginning of another
// index's. Both are info: they cost time and put nothing at risk. Neither speaks of indexes that a constraint
// made, unique, partial, or on expressions; nor of a table with more than 1,000. `database` as it was named.
std::vector<Finding> audit_indexes(const SchemaMap& map, const std::string& database);

}  // namespace litewright
