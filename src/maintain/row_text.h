// Rows as text: a line of CSV, and the line by which a copied row is known again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sqlite/connection.h"

namespace litewright {

// RFC 4180 with one addition: NULL is nothing between two commas, an empty text is "". A blob is x'0102' in
// hexadecimal; a text that could be taken for one, for a number or for nothing stands in quotes. Real numbers
// have the digits that give the same number back.
std::string csv_line(const Statement& row, int first_column);
std::string csv_line(const std::vector<std::string>& names);

// Over type and bytes of each value from that column on.
std::uint64_t row_checksum(const Statement& row, int first_column);

// "HASH KEY\n": a checksum over type and bytes of each value of the row, and its key's first `key_columns`
// values as SQL literals, which hold no line feed.
std::string note_of(const Statement& row, std::size_t key_columns);
std::string key_in_note(const std::string& line);

// Of a table that holds archived rows: "archived_id", "archived_at", then the rows' own, without types: each
// value stays as it is.
std::vector<std::string> archive_table_columns(const std::vector<std::string>& stored);
std::string create_archive_table(const std::string& table, const std::vector<std::string>& stored);

}  // namespace litewright
