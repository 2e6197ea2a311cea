#include "sqlite/safe_reader.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "sqlite/distrust.h"

namespace litewright {
namespace {

constexpr int kStepsBetweenLooks = 2000;  // of SQLite's machine: well under a millisecond

// What a pragma may be given as an argument without setting anything.
constexpr std::array<std::string_view, 10> kAsking = {
    "table_info", "table_xinfo",       "table_list",      "index_info",       "index_xinfo",
    "index_list", "foreign_key_check", "integrity_check", "foreign_key_list", "quick_check"};
// What a pragma does without any argument.
constexpr std::array<std::string_view, 4> kActing = {"wal_checkpoint", "incremental_vacuum", "optimize",
                                                     "shrink_memory"};

bool is_among(std::span<const std::string_view> names, const char* name) {
  const auto same = [name](std::string_view known) { return sqlite3_stricmp(name, known.data()) == 0; };
  return std::ranges::any_of(names, same);
}

OpenMode mode_for(const std::string& path) {
  const bool has_wal = ::access((path + "-wal").c_str(), F_OK) == 0;
  const bool has_journal = ::access((path + "-journal").c_str(), F_OK) == 0;
  return has_wal || has_journal ? OpenMode::kReadOnly : OpenMode::kReadWrite;
}

}  // namespace

SafeReader::SafeReader(const std::string& path, const Clock& clock, const SafeReaderOptions& options)
    : clock_(clock) {
  if (options.timeout) {
    deadline_ = clock.steady() + std::chrono::duration_cast<SteadyTime::duration>(*options.timeout);
  }
  const ConnectionOptions opening = {.mode = mode_for(path), .busy_timeout = options.busy_timeout};
  connection_ = std::make_unique<Connection>(path, opening);
  distrust_content(*connection_);
  sqlite3_db_config(connection_->handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  for (const char* pragma : {"PRAGMA query_only=ON", "PRAGMA mmap_size=0", "PRAGMA cell_size_check=ON"}) {
    connection_->execute(pragma);
  }
  if (deadline_) sqlite3_progress_handler(connection_->handle(), kStepsBetweenLooks, look_at_clock, this);
}

SafeReader::~SafeReader() = default;

int SafeReader::look_at_clock(void* self) {
  auto& reader = *static_cast<SafeReader*>(self);
  if (reader.clock_.steady() < *reader.deadline_) return 0;
  reader.timed_out_ = true;
  return 1;
}

int SafeReader::authorize(void* /*self*/, int action, const char* first, const char* second, const char*,
                          const char*) {
  if (action == SQLITE_ATTACH || action == SQLITE_DETACH) return SQLITE_DENY;
  if (action != SQLITE_PRAGMA || first == nullptr) return SQLITE_OK;
  if (is_among(kActing, first)) return SQLITE_DENY;
  return second == nullptr || is_among(kAsking, first) ? SQLITE_OK : SQLITE_DENY;
}

bool SafeReader::statement_was_wrong() const {
  const int rc = sqlite3_errcode(connection_->handle());
  return rc == SQLITE_ERROR || rc == SQLITE_AUTH || rc == SQLITE_TOOBIG || rc == SQLITE_MISMATCH;
}

void SafeReader::refuse_all_else() { sqlite3_set_authorizer(connection_->handle(), authorize, this); }

Statement SafeReader::prepare(const std::string& sql) {
  sqlite3_stmt* first = nullptr;
  const char* rest = nullptr;
  const int rc =
      sqlite3_prepare_v2(connection_->handle(), sql.c_str(), static_cast<int>(sql.size()) + 1, &first, &rest);
  const bool reads = first == nullptr || sqlite3_stmt_readonly(first) != 0;
  const bool empty = rc == SQLITE_OK && first == nullptr;
  columns_.clear();
  for (int i = 0; i < sqlite3_column_count(first); i++) {
    const char* name = sqlite3_column_name(first, i);
    columns_.emplace_back(name != nullptr ? name : "");
  }
  sqlite3_finalize(first);
  if (rc == SQLITE_AUTH) {
    throw Error(ErrorCode::kUsage, "refused: " + sql + ": it sets or attaches something",
                "only queries and pragmas that ask are let through");
  }
  if (rc == SQLITE_ERROR) {
    throw Error(ErrorCode::kUsage, std::string(sqlite3_errmsg(connection_->handle())) + ": " + sql,
                "litewright schema DB   shows what is there");
  }
  if (rc != SQLITE_OK) throw connection_->error(rc, "query");
  if (empty) throw Error(ErrorCode::kUsage, "no statement in the query");
  if (!reads) {
    throw Error(ErrorCode::kUsage, "refused: " + sql + ": it writes",
                "this is a look inside that changes nothing; sqlite3 writes");
  }
  for (const char* at = rest; at != nullptr && *at != 0; at++) {
    if (std::string_view(" \t\r\n;").find(*at) != std::string_view::npos) continue;
    throw Error(ErrorCode::kUsage, "one statement at a time: " + sql);
  }
  return connection_->prepare(sql);
}

}  // namespace litewright
