// What the text of a CREATE TABLE or CREATE INDEX says that no pragma tells without expanding every view.
#pragma once

#include <string>
#include <string_view>

namespace litewright {

struct TableOptions {
  bool is_virtual = false;
  bool without_rowid = false;
  bool strict = false;
};

// `sql` as sqlite_schema holds it: text that SQLite could parse; of any other text nothing is certain but
// that this returns.
TableOptions table_options(std::string_view sql);

// What follows the name in a CREATE INDEX: "ON t(a, b) WHERE …". Empty where there is no ON.
std::string index_definition(std::string_view sql);

}  // namespace litewright
