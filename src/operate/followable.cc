#include "operate/followable.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "format/database_header.h"

namespace litewright {

void require_followable(const std::filesystem::path& database) {
  const std::string name = database.string();
  const FileDescriptor file = open_file(database, O_RDONLY);
  if (::access(name.c_str(), W_OK) != 0) {
    throw error_from_errno(
        errno, "write to " + name,
        "following needs the WAL's index, so the right to write: run as the user who owns the database");
  }
  std::array<std::byte, 4096> buffer{};
  const std::size_t length = pread_fully(file.get(), buffer, 0, name);
  const Bytes beginning = Bytes(buffer).first(length);
  if (const auto looks = looks_encrypted_or_not_a_database(beginning)) {
    throw Error(ErrorCode::kDamaged, fmt::format("{} is not a database: it {}", name, *looks),
                "name the database file itself; an encrypted one can't be followed");
  }
  const auto header = length == 0 ? std::nullopt : std::optional(parse_database_header(beginning));
  if (header && !*header) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("{}: {} (byte {})", name, (*header).error().what, (*header).error().offset),
                "restore it: litewright restore DB");
  }
  if (!header) {
    throw Error(ErrorCode::kUsage, fmt::format("{} is empty: no database is in it yet", name),
                fmt::format("begin it: sqlite3 '{}' 'PRAGMA journal_mode=WAL'   (once; it stays)", name));
  }
}

bool is_in_wal_mode(const std::filesystem::path& database) {
  const FileDescriptor file = open_file(database, O_RDONLY);
  std::array<std::byte, 100> buffer{};
  const std::size_t length = pread_fully(file.get(), buffer, 0, database.string());
  const auto header = parse_database_header(Bytes(buffer).first(length));
  return header && header->is_wal();
}

}  // namespace litewright
