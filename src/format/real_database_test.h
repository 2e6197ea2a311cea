// For the tests of this folder: a database that SQLite itself wrote, and its files' bytes.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/types.h"

namespace litewright {

// A database in a folder of its own, both gone with the object. One process, one connection: reading the
// files beside the open connection drops its POSIX locks (FACTS 7), which nobody here competes for.
class RealDatabase {
 public:
  RealDatabase() {
    std::string folder = (std::filesystem::temp_directory_path() / "format-test-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp " + folder);
    folder_ = folder;
    if (sqlite3_open(path().c_str(), &connection_) != SQLITE_OK) throw std::runtime_error("sqlite3_open");
  }
  ~RealDatabase() {
    sqlite3_close(connection_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  RealDatabase(const RealDatabase&) = delete;
  RealDatabase& operator=(const RealDatabase&) = delete;

  std::string path(const std::string& suffix = "") const { return (folder_ / "app.db").string() + suffix; }

  void run(const std::string& sql) {
    char* message = nullptr;
    const int status = sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, &message);
    const std::string text = message != nullptr ? message : "";
    sqlite3_free(message);
    if (status != SQLITE_OK) throw std::runtime_error(sql + ": " + text);
  }

  // One number, as SQLite answers it.
  std::int64_t number(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(connection_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
      throw std::runtime_error(sql + ": " + sqlite3_errmsg(connection_));
    }
    const std::int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
  }

  // "" the main file, "-wal", "-shm", "-journal".
  std::vector<std::byte> file(const std::string& suffix = "") const {
    std::ifstream in(path(suffix), std::ios::binary);
    if (!in) throw std::runtime_error("open " + path(suffix));
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const Bytes view = std::as_bytes(std::span(text));
    return {view.begin(), view.end()};
  }

  // The page `number` of the main file.
  std::vector<std::byte> page(std::uint32_t number, std::uint32_t page_size) const {
    const auto all = file();
    const auto begin = all.begin() + (number - 1) * static_cast<std::ptrdiff_t>(page_size);
    return {begin, begin + page_size};
  }

 private:
  std::filesystem::path folder_;
  sqlite3* connection_ = nullptr;
};

}  // namespace litewright
