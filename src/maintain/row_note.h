// The note of a batch: by what its rows are known again after an interruption. A line a row:
//
//   WHOLE KEYED VALUE VALUE…\n     two checksums of 16 hexadecimal digits, the values of the row's key
//
//   WHOLE   over the key and all stored columns: this very row, as it was copied
//   KEYED   over the time that made it old and the key: this row, whatever else the application changed since
//   VALUE   its type's letter, then: n nothing; i decimal; r the 64 bits, hexadecimal; t, u, b text in UTF-8,
//   text
//           in UTF-16 (this machine's byte order), blob, their bytes in hexadecimal
//
// Values are parsed and bound, never put into SQL: as SQL text they would be read in the database's encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "maintain/row_table.h"
#include "sqlite/connection.h"

namespace litewright {

// Over type and bytes of each value from `first` to before `end`.
std::uint64_t row_checksum(const Statement& row, int first, int end, TextForm form);

struct NotedRow {
  std::uint64_t whole = 0, keyed = 0;
  std::vector<std::string> key = {};  // VALUE of each

  // Of a row whose columns are: the time, the key's, the stored ones.
  static NotedRow of(const Statement& row, std::size_t key_columns, TextForm form);
  // A line without its line feed. Throws Error{kDamaged} where it is none.
  static NotedRow parse(std::string_view line);
  std::string line() const;  // with its line feed
  // The key, as the statement's parameters from 1 on.
  void bind_key(Statement& statement) const;
};

}  // namespace litewright
