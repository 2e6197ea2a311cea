#include "operate/source_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/time_text.h"
#include "format/database_header.h"
#include "format/journal.h"
#include "format/wal.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> read_beginning(const fs::path& file, std::size_t most) {
  const FileDescriptor opened = open_file(file, O_RDONLY);
  std::vector<std::byte> bytes(most);
  bytes.resize(pread_fully(opened.get(), bytes, 0, file.string()));
  return bytes;
}

std::uint64_t wal_bytes(const fs::path& database) {
  struct stat status{};
  if (::stat((database.string() + "-wal").c_str(), &status) != 0) return 0;
  return static_cast<std::uint64_t>(status.st_size);
}

bool has_wal_frames(const fs::path& database) { return wal_bytes(database) > kWalHeaderBytes; }

bool has_warm_journal(const fs::path& database) {
  const fs::path journal = database.string() + "-journal";
  std::error_code ignored;
  return fs::exists(journal, ignored) &&
         journal_heat(read_beginning(journal, kDatabaseHeaderBytes)) == JournalHeat::kMaybeHot;
}

[[noreturn]] void refuse_empty(const fs::path& database) {
  const std::string name = database.string();
  if (has_wal_frames(database)) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("{} is empty, and {}-wal beside it holds {}", name, name,
                            format_size(wal_bytes(database))),
                fmt::format("SQLite removes that WAL when it opens the empty file: keep it aside first, then "
                            "litewright restore '{}'",
                            name));
  }
  throw Error(
      ErrorCode::kUsage, fmt::format("{} is empty: no database is in it yet", name),
      fmt::format("where it held data: litewright restore '{0}', or with --from COPY; to begin it: sqlite3 "
                  "'{0}' 'PRAGMA journal_mode=WAL'   (once; it stays)",
                  name));
}

}  // namespace

void require_database_source(const fs::path& database, Beside beside) {
  constexpr std::size_t kEnoughToTell = 4096;
  const std::vector<std::byte> beginning = read_beginning(database, kEnoughToTell);
  if (beginning.empty()) refuse_empty(database);
  const auto header = parse_database_header(beginning);
  if (header || (beside == Beside::kMayMend && (has_wal_frames(database) || has_warm_journal(database))))
    return;
  if (const auto looks = looks_encrypted_or_not_a_database(beginning)) {
    throw Error(ErrorCode::kDamaged, fmt::format("{} is not a database: it {}", database.string(), *looks),
                "name the database file itself; an encrypted one can be neither followed nor copied");
  }
  throw Error(ErrorCode::kDamaged,
              fmt::format("{}: {} (byte {})", database.string(), header.error().what, header.error().offset),
              fmt::format("restore it: litewright restore '{}', or with --from COPY", database.string()));
}

}  // namespace litewright
