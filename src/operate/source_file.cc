#include "operate/source_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <optional>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "format/database_header.h"
#include "format/journal.h"
#include "format/wal.h"
#include "sqlite/page_snapshot.h"

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
                            "litewright restore {}",
                            shell_quoted(name)));
  }
  throw Error(
      ErrorCode::kUsage, fmt::format("{} is empty: no database is in it yet", name),
      fmt::format("where it held data: litewright restore {0}, or with --from COPY; to begin it: sqlite3 "
                  "{0} 'PRAGMA journal_mode=WAL'   (once; it stays)",
                  shell_quoted(name)));
}

// Nothing: it is not shorter.
struct CutOff {
  std::uint64_t wanted = 0, there = 0;
  std::uint32_t pages = 0, page_size = 0;
};
std::optional<CutOff> shorter_than_header_says(const fs::path& database) {
  const FileDescriptor file = open_file(database, O_RDONLY);
  std::array<std::byte, kDatabaseHeaderBytes> buffer{};
  const std::size_t length = pread_fully(file.get(), buffer, 0, database.string());
  const auto header = parse_database_header(Bytes(buffer).first(length));
  struct stat status{};
  if (!header || !header->page_count() || ::fstat(file.get(), &status) != 0) return std::nullopt;
  const CutOff cut{.wanted = std::uint64_t{*header->page_count()} * header->page_size,
                   .there = static_cast<std::uint64_t>(status.st_size),
                   .pages = *header->page_count(),
                   .page_size = header->page_size};
  return cut.there < cut.wanted ? std::optional(cut) : std::nullopt;
}

// Every page that the file lacks is in some frame. Not asked is whether that frame counts: under a live index
// neither salt nor checksum tells (FACTS 28).
bool wal_holds_rest(const fs::path& database, const CutOff& cut) {
  const std::string name = database.string() + "-wal";
  const FileDescriptor wal = open_file(name, O_RDONLY);
  std::array<std::byte, kWalHeaderBytes> buffer{};
  const std::size_t length = pread_fully(wal.get(), buffer, 0, name);
  const auto header = parse_wal_header(Bytes(buffer).first(length));
  if (!header || header->page_size != cut.page_size) return false;
  const auto frames = static_cast<std::uint32_t>(whole_frames(wal_bytes(database), cut.page_size));
  const auto whole_pages = static_cast<std::uint32_t>(cut.there / cut.page_size);
  std::uint32_t left = cut.pages - whole_pages;
  const std::uint32_t unused = lock_page(cut.page_size).value;
  if (unused > whole_pages && unused <= cut.pages) --left;
  if (left > frames) return false;
  std::vector<bool> held(cut.pages - whole_pages);
  for (std::uint32_t frame = 1; frame <= frames && left > 0; ++frame) {
    std::array<std::byte, 4> number{};
    pread_fully(wal.get(), number, frame_offset(FrameNumber(frame), cut.page_size), name);
    const std::uint32_t page = load_be32(Bytes(number), 0);
    if (page <= whole_pages || page > cut.pages || held[page - whole_pages - 1]) continue;
    held[page - whole_pages - 1] = true;
    --left;
  }
  return left == 0;
}

// Under a lock, so that a transaction under way is not taken for damage.
bool sqlite_reads(const fs::path& database, const Clock& clock) {
  try {
    PageSnapshot(database.string(), clock);
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    return false;
  }
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
  throw Error(
      ErrorCode::kDamaged,
      fmt::format("{}: {} (byte {})", database.string(), header.error().what, header.error().offset),
      fmt::format("restore it: litewright restore {}, or with --from COPY", shell_quoted(database.string())));
}

void require_whole_source(const fs::path& database, const Clock& clock) {
  // A checkpoint may end, and the WAL begin anew, between two looks at the files.
  constexpr int kLooks = 5;
  constexpr std::chrono::milliseconds kPause{20};
  std::optional<CutOff> cut;
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) std::this_thread::sleep_for(kPause);
    cut = shorter_than_header_says(database);
    if (!cut || has_warm_journal(database)) return;
    if (has_wal_frames(database) ? wal_holds_rest(database, *cut) : sqlite_reads(database, clock)) return;
  }
  throw Error(
      ErrorCode::kDamaged,
      fmt::format("{} is cut off: its header says {} pages of {} bytes, {}, and the file has {}",
                  database.string(), cut->pages, cut->page_size, format_size(cut->wanted),
                  format_size(cut->there)),
      fmt::format("restore it: litewright restore {}, or with --from COPY", shell_quoted(database.string())));
}

}  // namespace litewright
