#include "operate/database_kind.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "format/database_header.h"
#include "sqlite/rollback_guard.h"

namespace litewright {
namespace {

// What an encrypted database and a foreign file differ in, besides the evenness of its bytes.
std::string size_evidence(std::uint64_t bytes) {
  constexpr std::array<std::uint32_t, 3> kUsual = {4096, 8192, 1024};
  for (const std::uint32_t page_size : kUsual) {
    if (bytes % page_size == 0) {
      return fmt::format("its {} bytes are whole pages of {}, as a database's are", bytes, page_size);
    }
  }
  return fmt::format("its {} bytes are no whole number of pages, as a database's would be", bytes);
}

}  // namespace

std::optional<Finding> require_database_content(const std::string& path) {
  const FileDescriptor file = open_file(path, O_RDONLY);
  std::array<std::byte, 4096> buffer{};
  const std::size_t length = pread_fully(file.get(), buffer, 0, path);
  const Bytes beginning = Bytes(buffer).first(length);
  if (length == 0) {
    return Finding{.id = "database.empty",
                   .severity = Severity::kWarning,
                   .meaning = "the file is empty: SQLite takes it for a database without tables"};
  }
  if (const auto looks = looks_encrypted_or_not_a_database(beginning)) {
    const std::uint64_t bytes = std::filesystem::file_size(path);
    throw Error(
        ErrorCode::kDamaged,
        fmt::format("{}: encrypted or not a database: it {}; {}", path, *looks, size_evidence(bytes)),
        "name the database file itself; an encrypted one is checked by the application that has the key");
  }
  const auto header = parse_database_header(beginning);
  if (!header) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("{}: its header is damaged: {} (byte {})", path, header.error().what,
                            header.error().offset),
                "restore it: litewright restore DB");
  }
  return std::nullopt;
}

std::string disk_failure(const std::string& path) {
  constexpr std::uint64_t kMost = 64 << 20, kPiece = 1 << 20;
  try {
    const FileDescriptor file = open_file(path, O_RDONLY);
    std::vector<std::byte> piece(kPiece);
    for (std::uint64_t at = 0; at < kMost; at += kPiece) {
      if (pread_fully(file.get(), piece, at, path) < kPiece) break;
    }
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::uint64_t content_bytes(const std::string& path) {
  std::uint64_t bytes = 0;
  for (const char* const suffix : {"", "-wal"}) {
    std::error_code failure;
    const std::uintmax_t size = std::filesystem::file_size(path + suffix, failure);
    if (!failure) bytes += size;
  }
  return bytes;
}

std::chrono::milliseconds work_for(const std::string& path) {
  return std::chrono::milliseconds(2000 + 1000 * (content_bytes(path) >> 20));
}

std::uint64_t sqlite_memory_for(const std::string& path) {
  constexpr std::uint64_t kLeast = 48 << 20;
  return kLeast + 2 * content_bytes(path);
}

std::optional<Finding> hot_journal(const std::string& path) {
  if (::access((path + "-journal").c_str(), F_OK) != 0) return std::nullopt;
  RollbackGuard guard(path);
  const RollbackGuard::Entry entry = guard.enter();
  if (entry == RollbackGuard::Entry::kEntered) guard.leave();
  if (entry != RollbackGuard::Entry::kHotJournal) return std::nullopt;
  return Finding{.id = "journal.hot",
                 .severity = Severity::kWarning,
                 .object = path + "-journal",
                 .meaning =
                     "a crash cut a transaction off: the next program that opens the database for writing "
                     "rolls it back, and only then can it be checked; never remove the journal"};
}

}  // namespace litewright
