// What `maintain rows archive` needs to know of a table, and where its rows may go. Joins the schema's map of
// check/ and the compression of archive/ with maintain/, which moves the rows.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "maintain/row_archive.h"

namespace litewright {

// Throws Error{kUsage} where there is no such table, or its rows can't be told apart in SQL.
RowTable find_row_table(const std::string& database, const std::string& table);

struct RowStoreWish {
  std::string file = {};      // row_target() says what it is
  std::string table = {};     // of a database: the table's name there
  std::string database = {};  // where the rows come from; a new file of rows has its mode
  std::string time = {};
  std::chrono::milliseconds longest_wait{30'000};  // for another run, and for who has the file locked
  std::function<bool()> stop = {};                 // asked while waiting
};
// Throws as row_target() and the stores do.
std::unique_ptr<RowStore> open_row_store(const RowStoreWish& wish, const RowTable& table, const Clock& clock);

}  // namespace litewright
