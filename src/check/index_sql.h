// What CREATE INDEX says in its own words: the expressions of its key and its WHERE.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace litewright {

struct IndexSql {
  std::vector<std::string> keys;  // each without ASC or DESC
  std::string where;              // empty: none
};

// `sql` as sqlite_schema has it. Empty where it does not read as a CREATE INDEX.
std::optional<IndexSql> parse_index_sql(std::string_view sql);

}  // namespace litewright
