// Rows as lines of CSV.
#pragma once

#include <string>
#include <vector>

#include "maintain/row_table.h"
#include "sqlite/connection.h"

namespace litewright {

// RFC 4180 with one addition: NULL is nothing between two commas, an empty text is "". A blob is x'0102' in
// hexadecimal; a text that could be taken for one, for a number or for nothing stands in quotes. Real numbers
// have the digits that give the same number back, or are inf and -inf. The columns from `first_column` on;
// `form`: the database's. Throws Error{kIo} for text that UTF-8 can't say: half a surrogate pair.
std::string csv_line(const Statement& row, int first_column, TextForm form);
std::string csv_line(const std::vector<std::string>& names);

}  // namespace litewright
