// A table whose rows are to go, as the schema has it, and the pieces of SQL that name its rows. SQL calls its
// row c, and lists of rows name the key's columns k1, k2, …
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace litewright {

// How a database keeps text. Rows are compared in their source's: from there to the other and back, text that
// is no valid Unicode does not come back as it was.
enum class TextForm : std::uint8_t { kUtf8, kUtf16 };

struct RowTable {
  std::string table = {};
  std::vector<std::string> row_key = {};  // names that tell rows apart: the rowid's, or the primary key's
  std::vector<std::string> stored = {};   // its columns but the generated ones
  std::vector<std::string> generated = {};
  // By each foreign key that refers to it: "main.x AS d", and the condition that d points at c.
  struct Reference {
    std::string from, on;
  };
  std::vector<Reference> references = {};
  std::string encoding = "UTF-8";  // as PRAGMA encoding says it

  TextForm text_form() const;
  bool has_column(const std::string& name) const;
  std::string sql_name() const;  // main."t"
  // Comma between them; `prefix` before each: "c.".
  std::string key_columns(const std::string& prefix) const;
  std::string stored_columns(const std::string& prefix) const;
  std::string key_names() const;  // k1, k2
  // That c is the row that the list called `listed` has.
  std::string same_row(const std::string& listed) const;
};

}  // namespace litewright
