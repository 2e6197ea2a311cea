#include "operate/followable.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "format/database_header.h"
#include "operate/source_file.h"

namespace litewright {

void require_followable(const std::filesystem::path& database) {
  const std::string name = database.string();
  std::error_code missing;
  const auto status = std::filesystem::status(database, missing);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw Error(ErrorCode::kNoDatabase, name + " is no regular file", "name the database file");
  }
  open_file(database, O_RDONLY);
  if (::access(name.c_str(), W_OK) != 0) {
    throw error_from_errno(
        errno, "write to " + name,
        "following needs the WAL's index, so the right to write: run as the user who owns the database");
  }
  require_database_source(database, Beside::kIgnored);
}

bool is_in_wal_mode(const std::filesystem::path& database) {
  const FileDescriptor file = open_file(database, O_RDONLY);
  std::array<std::byte, 100> buffer{};
  const std::size_t length = pread_fully(file.get(), buffer, 0, database.string());
  const auto header = parse_database_header(Bytes(buffer).first(length));
  return header && header->is_wal();
}

}  // namespace litewright
