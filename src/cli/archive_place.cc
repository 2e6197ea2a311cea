#include "cli/archive_place.h"

#include <fmt/format.h>

#include "base/error.h"
#include "store/directory_store.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<ObjectStore> open_store(const std::string& archive) {
  constexpr std::string_view kFile = "file://";
  if (archive.starts_with(kFile)) return std::make_unique<DirectoryStore>(archive.substr(kFile.size()));
  if (const auto scheme = archive.find("://"); scheme != std::string::npos) {
    throw Error(ErrorCode::kUsage, fmt::format("no driver for {} archives", archive.substr(0, scheme)),
                "--archive takes a folder: --archive /backup/app");
  }
  return std::make_unique<DirectoryStore>(fs::absolute(archive).lexically_normal().string());
}

}  // namespace

ArchivePlace locate_archive(const Invocation& invocation, DatabaseFile file) {
  const DatabaseLocation location = invocation.database();
  if (location.kind != DatabaseKind::kSqlite) {
    throw Error(ErrorCode::kUsage,
                location.display + " is a PostgreSQL database; archives are for SQLite files",
                "pg_dump or pgBackRest keep its history");
  }
  if (file == DatabaseFile::kMustExist) require_database_file(location);
  ArchivePlace place;
  std::error_code missing;
  place.database = fs::canonical(location.path, missing);
  if (missing) place.database = fs::absolute(location.path).lexically_normal();
  place.display = location.display;
  place.archive = invocation.value("archive").value_or(place.database.string() + "-archive");
  place.store = open_store(place.archive);
  return place;
}

void require_archive(const ArchivePlace& place) {
  if (!place.store->list("segments/").empty()) return;
  throw Error(
      ErrorCode::kNoDatabase, fmt::format("no archive at {}", place.store->describe()),
      fmt::format("begin one with: litewright protect {}   (or name it: --archive FOLDER)", place.display));
}

}  // namespace litewright
