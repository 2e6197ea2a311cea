// The WHERE of most partial indexes: columns held against constants, joined by AND. What is more than that is
// SQLite's to evaluate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "check/key_order.h"
#include "check/record_fields.h"
#include "check/schema_map.h"

namespace litewright {

struct SimpleTerm {
  enum class Kind : std::uint8_t { kNull, kNotNull, kText, kInteger };
  Kind kind = Kind::kNull;
  std::size_t stored_at = 0;
  KeyCollation collation = KeyCollation::kBinary;
  std::string text = {};
  std::int64_t integer = 0;
};

class SimpleWhere {
 public:
  // Empty where it is not one of: column IS [NOT] NULL, column = 'text' (a column without numeric affinity,
  // in a UTF-8 database), column = integer (one with it); each joined to the next by AND.
  static std::optional<SimpleWhere> parse(std::string_view sql, const SchemaTable& table,
                                          KeyEncoding encoding);

  // Whether the row is in the index; empty where that can't be told from what of the row is at hand.
  std::optional<bool> holds(const RecordFields& row) const;

 private:
  std::vector<SimpleTerm> terms_;
};

}  // namespace litewright
