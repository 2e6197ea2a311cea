// What a row stands for that was stored before a column was added (ALTER TABLE ADD COLUMN): the column's
// default, where it is a constant, with the column's affinity.
#pragma once

#include <cstdint>
#include <vector>

#include "check/schema_map.h"

namespace litewright {

// As it would stand in a record.
struct DefaultValue {
  std::uint32_t type = 0;  // serial type; 0: NULL
  std::vector<std::byte> bytes = {};
};

// One for each column of the table, text in `encoding` (as PRAGMA encoding has it). Asks an in-memory
// database.
std::vector<DefaultValue> column_defaults(const SchemaTable& table, const std::string& encoding);

}  // namespace litewright
