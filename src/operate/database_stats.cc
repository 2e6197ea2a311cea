#include "operate/database_stats.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "base/bytes.h"
#include "base/error.h"
#include "format/wal_index.h"
#include "sqlite/connection.h"
#include "sqlite/live_files.h"

namespace litewright {
namespace {

constexpr int kIndexReads = 1000;

std::optional<WalIndex> read_index(const LiveFiles& files) {
  for (int tries = 0; tries < kIndexReads; tries++) {
    if (const auto index = read_shared_wal_index(files.index_head())) return *index;
  }
  return std::nullopt;  // torn for good: a writer was killed in mid-store, the next reader mends it
}

// PRAGMA schema_version reads page 1, and so opens the WAL, without parsing the schema.
void begin_read(Connection& connection) {
  connection.execute("BEGIN");
  connection.query_integer("PRAGMA schema_version");
}

DatabaseStats::Wal read_wal(Connection& connection, std::chrono::milliseconds watch) {
  DatabaseStats::Wal wal;
  begin_read(connection);
  connection.execute("COMMIT");
  const LiveFiles files(connection);
  wal.bytes = files.wal_bytes();
  const auto first = read_index(files);
  const auto began = std::chrono::steady_clock::now();
  if (watch.count() > 0) std::this_thread::sleep_for(watch);
  const auto second = read_index(files);
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
  if (!first || !second) return wal;
  wal.frames = second->header.max_frame.value;
  wal.backfilled = std::min(second->backfilled.value, wal.frames);
  const std::uint32_t commits = second->header.change - first->header.change;  // wraps with the counter
  if (watch.count() > 0 && passed.count() > 0) wal.commits_per_second = commits / passed.count();
  return wal;
}

void read_file_header(Connection& connection, DatabaseStats& stats) {
  begin_read(connection);
  std::array<std::byte, 100> header{};
  if (stats.journal_mode == "wal") {
    const LiveFiles files(connection);
    files.read_main(0, header);
    stats.file_bytes = files.main_bytes();
  } else {
    stats.file_bytes = stats.pages * stats.page_size;
  }
  connection.execute("COMMIT");
  const std::uint32_t version = load_be32(Bytes(header), 96);
  if (version > 0) {
    stats.last_writer = fmt::format("{}.{}.{}", version / 1000000, version / 1000 % 1000, version % 1000);
  }
}

}  // namespace

DatabaseStats read_database_stats(const std::string& path, std::chrono::milliseconds watch) {
  // As PageSnapshot: the -wal that SQLite makes where there is none, only a connection that may write
  // removes.
  const bool alone =
      ::access((path + "-wal").c_str(), F_OK) != 0 && ::access((path + "-journal").c_str(), F_OK) != 0;
  Connection connection(path, ConnectionOptions{.mode = alone ? OpenMode::kReadWrite : OpenMode::kReadOnly});
  connection.execute("PRAGMA mmap_size=0");
  DatabaseStats stats;
  stats.path = path;
  try {
    connection.query_integer("SELECT count(*) FROM sqlite_schema");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    stats.schema_readable = false;
    connection.execute("PRAGMA writable_schema=ON");  // what can't be parsed is passed over (FACTS 32)
  }
  stats.journal_mode = connection.query_text("PRAGMA journal_mode");
  stats.page_size = static_cast<std::uint32_t>(connection.query_integer("PRAGMA page_size").value_or(0));
  stats.pages = static_cast<std::uint64_t>(connection.query_integer("PRAGMA page_count").value_or(0));
  stats.free_pages =
      static_cast<std::uint64_t>(connection.query_integer("PRAGMA freelist_count").value_or(0));
  stats.auto_vacuum = static_cast<int>(connection.query_integer("PRAGMA auto_vacuum").value_or(0));
  read_file_header(connection, stats);
  stats.encoding = connection.query_text("PRAGMA encoding");
  const auto count = [&connection](const char* type) {
    return static_cast<std::uint64_t>(
        connection.query_integer(fmt::format("SELECT count(*) FROM sqlite_schema WHERE type='{}'", type))
            .value_or(0));
  };
  stats.tables = count("table");
  stats.indexes = count("index");
  if (stats.journal_mode == "wal") stats.wal = read_wal(connection, watch);
  return stats;
}

}  // namespace litewright
