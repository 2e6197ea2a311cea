#include "operate/row_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

RowTarget target_by_name(const std::string& file) {
  const std::string name = folded_name(std::filesystem::path(file).filename().string());
  if (name.ends_with(".csv.zst")) return RowTarget::kPackedCsv;
  if (name.ends_with(".csv")) return RowTarget::kCsv;
  for (const std::string_view companion : {"-wal", "-shm", "-journal"}) {
    if (!name.ends_with(companion)) continue;
    throw Error(ErrorCode::kUsage,
                fmt::format("--to {}: a database's {} file is SQLite's alone", file, companion),
                "name another file: old.db, old.csv, old.csv.zst");
  }
  constexpr std::array<std::string_view, 5> kDatabases = {"", ".db", ".db3", ".sqlite", ".sqlite3"};
  if (std::ranges::find(kDatabases, std::filesystem::path(name).extension().string()) != kDatabases.end())
    return RowTarget::kDatabase;
  throw Error(ErrorCode::kUsage, fmt::format("--to {}: nothing is written by that ending", file),
              ".csv, .csv.zst, or a database: .db, .db3, .sqlite, .sqlite3 or no ending");
}

}  // namespace

RowTarget row_target(const std::string& file, const std::string& source) {
  std::error_code failure;
  const std::filesystem::path path = file;
  if (std::filesystem::is_directory(path, failure) || !path.has_filename()) {
    throw Error(ErrorCode::kUsage, fmt::format("--to {}: it is a folder", file),
                "name a file in it: old.db, old.csv");
  }
  const RowTarget target = target_by_name(file);
  if (std::filesystem::equivalent(path, source, failure)) {
    throw Error(ErrorCode::kUsage, file + " is the database that the rows come from",
                "a table of the same database: --into TABLE");
  }
  if (std::filesystem::exists(path, failure)) {
    if (std::filesystem::is_regular_file(path, failure)) return target;
    throw Error(ErrorCode::kUsage, fmt::format("--to {}: it is no regular file", file), "name another file");
  }
  if (path.has_parent_path() && !std::filesystem::is_directory(path.parent_path(), failure)) {
    throw Error(ErrorCode::kCantCreate,
                fmt::format("--to {}: there is no folder {}", file, path.parent_path().string()),
                "make it first, or name another file");
  }
  return target;
}

}  // namespace litewright
