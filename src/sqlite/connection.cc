#include "sqlite/connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sqlite/hot_journal.h"

namespace litewright {

Error sqlite_error(int rc, const std::string& message) {
  if (rc == SQLITE_READONLY_ROLLBACK) {
    return Error(ErrorCode::kLocked, message + ": a crash's journal waits to be rolled back",
                 "start the application, or open it once: sqlite3 FILE 'PRAGMA schema_version'");
  }
  switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(ErrorCode::kLocked, message, "try again; who holds it: litewright locks DB");
    case SQLITE_CORRUPT:
      return Error(ErrorCode::kDamaged, message, "restore it from its archive: litewright restore DB");
    case SQLITE_NOTADB:
      return Error(ErrorCode::kDamaged, message, "the file is encrypted or not a SQLite database");
    case SQLITE_CANTOPEN:
      return Error(ErrorCode::kNoDatabase, message, "check the path and its permissions");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Error(ErrorCode::kPermission, message,
                   "run as the user who owns the database; the folder must be writable too (-wal, -shm)");
    case SQLITE_INTERRUPT:
      return Error(ErrorCode::kLocked, message, "its time was up: give it more, or ask for less");
    case SQLITE_FULL:
      return Error(ErrorCode::kIo, message, "free some disk space, then try again");
    case SQLITE_MISUSE:
    case SQLITE_INTERNAL:
      return Error(ErrorCode::kInternal, message);
    case SQLITE_IOERR:
      return Error(ErrorCode::kIo, message, "look at the disk, and at the kernel's log");
    default:
      return Error(ErrorCode::kIo, message);
  }
}

namespace {

// SQLite has one code for a file that is not there and one that may not be opened.
Error failure_of(sqlite3* handle, int rc, const std::string& message) {
  const int number = handle != nullptr && (rc & 0xff) == SQLITE_CANTOPEN ? sqlite3_system_errno(handle) : 0;
  if (number == EACCES || number == EPERM || number == EROFS) return error_from_errno(number, message);
  return sqlite_error(rc, message);
}

std::string reason_of(sqlite3* handle, int rc) {
  if (rc == SQLITE_READONLY_DIRECTORY || rc == SQLITE_READONLY_CANTINIT)
    return "its -wal, -shm or -journal can't be made beside it: no permission to write there";
  return handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(rc);
}

// A statement is named where its own words are at fault; of everything else the file is.
Error failed_statement(sqlite3* handle, int rc, std::string_view sql) {
  const char* file = sqlite3_db_filename(handle, "main");
  const bool by_words = (rc & 0xff) == SQLITE_ERROR || file == nullptr || *file == 0;
  return failure_of(handle, rc, fmt::format("{}: {}", by_words ? sql : file, reason_of(handle, rc)));
}

// A path as a URI that says immutable.
std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    const bool special = c == '%' || c == '?' || c == '#';
    uri += special ? fmt::format("%{:02X}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return uri + "?immutable=1";
}

}  // namespace

Connection::Connection(std::string path, const ConnectionOptions& options) : path_(std::move(path)) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (options.mode == OpenMode::kReadOnly) flags |= SQLITE_OPEN_READONLY;
  if (options.mode == OpenMode::kReadWrite) flags |= SQLITE_OPEN_READWRITE;
  if (options.mode == OpenMode::kCreate) flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const bool immutable = options.mode == OpenMode::kImmutable;
  if (immutable) flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
  const std::string name = immutable ? immutable_uri(path_) : path_;
  const int rc = sqlite3_open_v2(name.c_str(), &handle_, flags, nullptr);
  if (rc != SQLITE_OK) {
    const Error failure = error(rc, "open");
    sqlite3_close(handle_);
    throw failure;
  }
  sqlite3_busy_timeout(handle_, static_cast<int>(options.busy_timeout.count()));
  if (immutable || options.hot_journal == HotJournal::kLeaveToCaller) return;
  try {
    if (has_hot_journal(handle_, path_)) throw hot_journal_error(path_);
  } catch (...) {
    sqlite3_close(handle_);
    throw;
  }
}

Connection::~Connection() { sqlite3_close_v2(handle_); }

Error Connection::error(int rc, std::string_view doing) const {
  return failure_of(handle_, rc,
                    fmt::format("{}: {}: {} (SQLite code {})", path_, doing, reason_of(handle_, rc), rc));
}

std::optional<std::string> Connection::refused_words() const {
  if ((sqlite3_errcode(handle_) & 0xff) != SQLITE_ERROR) return std::nullopt;
  return sqlite3_errmsg(handle_);
}

int Connection::try_execute(const char* sql) {
  return sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) & 0xff;
}

void Connection::execute(const char* sql) {
  const int rc = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) throw error(rc, sql);
}

std::optional<std::int64_t> Connection::query_integer(std::string_view sql) {
  Statement statement = prepare(sql);
  if (!statement.step() || statement.is_null(0)) return std::nullopt;
  return statement.integer(0);
}

std::string Connection::query_text(std::string_view sql) {
  Statement statement = prepare(sql);
  return statement.step() ? statement.text(0) : std::string();
}

void Connection::set_busy_handler(std::function<bool(int)> keep_waiting) {
  busy_handler_ = std::move(keep_waiting);
  sqlite3_busy_handler(
      handle_,
      [](void* self, int tries) -> int {
        return static_cast<Connection*>(self)->busy_handler_(tries) ? 1 : 0;
      },
      this);
}

void Connection::set_busy_timeout(std::chrono::milliseconds timeout) {
  sqlite3_busy_timeout(handle_, static_cast<int>(timeout.count()));
}

void Connection::accept_unknown_collations() {
  sqlite3_collation_needed(handle_, nullptr, [](void*, sqlite3* handle, int encoding, const char* name) {
    sqlite3_create_collation(handle, name, encoding, nullptr,
                             [](void*, int a_bytes, const void* a, int b_bytes, const void* b) {
                               const int order = std::memcmp(a, b, std::min(a_bytes, b_bytes));
                               return order != 0 ? order : a_bytes - b_bytes;
                             });
  });
}

Statement::Statement(sqlite3* connection, std::string_view sql) : connection_(connection) {
  const char* rest = nullptr;
  const int rc = sqlite3_prepare_v2(connection, sql.data(), static_cast<int>(sql.size()), &statement_, &rest);
  if (rc != SQLITE_OK) throw failed_statement(connection, rc, sql);
  more_sql_ = sql.substr(static_cast<std::size_t>(rest - sql.data())).find_first_not_of(" \t\r\n;") !=
              std::string_view::npos;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      more_sql_(other.more_sql_) {}

void Statement::bind(int index, std::int64_t value) { sqlite3_bind_int64(statement_, index, value); }

void Statement::bind(int index, std::string_view value) {
  sqlite3_bind_text(statement_, index, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
}

void Statement::bind_real(int index, double value) { sqlite3_bind_double(statement_, index, value); }

void Statement::bind_blob(int index, Bytes value) {
  if (value.empty()) {
    sqlite3_bind_zeroblob(statement_, index, 0);  // a null pointer would be NULL
    return;
  }
  sqlite3_bind_blob64(statement_, index, value.data(), value.size(), SQLITE_TRANSIENT);
}

void Statement::bind_text16(int index, Bytes value) {
  const void* data = value.empty() ? static_cast<const void*>(u"") : value.data();
  sqlite3_bind_text16(statement_, index, data, static_cast<int>(value.size()), SQLITE_TRANSIENT);
}

void Statement::bind_null(int index) { sqlite3_bind_null(statement_, index); }

void Statement::bind_column(int index, const Statement& row, int column) {
  sqlite3_bind_value(statement_, index, sqlite3_column_value(row.statement_, column));
}

bool Statement::step() {
  const int rc = sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  throw failed_statement(connection_, rc, sqlite3_sql(statement_));
}

void Statement::reset() { sqlite3_reset(statement_); }
int Statement::column_count() const { return sqlite3_column_count(statement_); }
bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

ValueType Statement::type(int column) const {
  switch (sqlite3_column_type(statement_, column)) {
    case SQLITE_INTEGER:
      return ValueType::kInteger;
    case SQLITE_FLOAT:
      return ValueType::kReal;
    case SQLITE_TEXT:
      return ValueType::kText;
    case SQLITE_BLOB:
      return ValueType::kBlob;
    default:
      return ValueType::kNull;
  }
}

Bytes Statement::bytes(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return data == nullptr ? Bytes() : Bytes(data, sqlite3_column_bytes(statement_, column));
}

std::string_view Statement::text_view(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const auto length = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data != nullptr ? std::string_view(data, length) : std::string_view();
}

Bytes Statement::text16(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_text16(statement_, column));
  return data == nullptr ? Bytes() : Bytes(data, sqlite3_column_bytes16(statement_, column));
}

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const auto length = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data != nullptr ? std::string(data, length) : std::string();
}

Transaction::Transaction(Connection& connection, Kind kind) : connection_(connection) {
  connection_.execute(kind == Kind::kWrite ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
  if (open_) connection_.try_execute("ROLLBACK");
}

void Transaction::commit() {
  connection_.execute("COMMIT");
  open_ = false;
}

void take_little_memory_for_connections() {
  sqlite3_shutdown();  // the configuration is read at its beginning
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
  sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0);
}

std::string sqlite_library_version() { return sqlite3_libversion(); }

}  // namespace litewright
