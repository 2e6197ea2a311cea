// What the schema says in its own words, where SQLite's pragmas leave it out: the expressions of an index's
// key and its WHERE, a table's CHECK constraints.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace litewright {

// Words, numbers, quoted names and texts, each other character by itself; no blanks, no comments. Views of
// `sql`.
std::vector<std::string_view> sql_tokens(std::string_view sql);

struct IndexSql {
  std::vector<std::string> keys;  // each without ASC or DESC
  std::string where;              // empty: none
};

// `sql` as sqlite_schema has it. Empty where it does not read as a CREATE INDEX.
std::optional<IndexSql> parse_index_sql(std::string_view sql);

// The expressions of a CREATE TABLE's CHECK constraints, of columns and of the table, without their
// parentheses.
std::vector<std::string> check_expressions(std::string_view sql);

}  // namespace litewright
