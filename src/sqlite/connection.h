// A thin layer over SQLite's connections, statements and transactions: errors become Error, nothing else
// changes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/types.h"

struct sqlite3;
struct sqlite3_stmt;

namespace litewright {

// kImmutable: read only, no locks, no -wal or -shm looked at or made; for a file that nobody else can change.
enum class OpenMode { kReadOnly, kReadWrite, kCreate, kImmutable };

// What to do where a crash left a journal that SQLite would roll back at the first read (FACTS 18).
enum class HotJournal {
  kRefuse,         // Error{kLocked}: it is the application's
  kLeaveToCaller,  // a file of our own; or one that no statement will read before the caller has looked
};

struct ConnectionOptions {
  OpenMode mode = OpenMode::kReadWrite;
  std::chrono::milliseconds busy_timeout{5000};
  HotJournal hot_journal = HotJournal::kRefuse;
};

enum class ValueType { kNull, kInteger, kReal, kText, kBlob };

// A prepared statement. Must not outlive its connection.
class Statement {
 public:
  Statement(sqlite3* connection, std::string_view sql);
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;

  void bind(int index, std::int64_t value);  // 1 is the first
  void bind(int index, std::string_view value);
  void bind_real(int index, double value);
  void bind_blob(int index, Bytes value);
  void bind_text16(int index, Bytes value);  // UTF-16 in this machine's byte order
  void bind_null(int index);
  void bind_column(int index, const Statement& row, int column);  // the value as it is, of any type
  bool step();                                                    // true: a row is there; false: done
  void reset();

  // Behind the statement something else than blanks follows in the text: only the first was
  // prepared.
  bool has_more_sql() const { return more_sql_; }
  int column_count() const;
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;  // "" for NULL
  ValueType type(int column) const;    // before any conversion by the others
  // Views, valid until the next step() or another call for this column. bytes(): of a blob; text_view(): in
  // UTF-8; text16(): in UTF-16, this machine's byte order. From a database of the other encoding text is
  // converted, the row's value with it, which loses what is no valid Unicode.
  Bytes bytes(int column) const;
  std::string_view text_view(int column) const;
  Bytes text16(int column) const;

 private:
  sqlite3* connection_;
  sqlite3_stmt* statement_ = nullptr;
  bool more_sql_ = false;
};

// One connection; used from one thread at a time. Closing it is SQLite's close: the last one checkpoints
// (FACTS 11).
class Connection {
 public:
  // Throws Error{kNoDatabase|kPermission|kDamaged|kLocked|kIo} naming the file.
  Connection(std::string path, const ConnectionOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void execute(const char* sql);
  // SQLite's primary result code instead of an Error, for the statements whose BUSY is an answer.
  int try_execute(const char* sql);
  Statement prepare(std::string_view sql) { return Statement(handle_, sql); }
  std::optional<std::int64_t> query_integer(std::string_view sql);
  std::string query_text(std::string_view sql);

  // While waiting for a lock SQLite asks the handler whether to go on; the count says how often it asked
  // before. Replaces the busy timeout. The handler must not use this connection.
  void set_busy_handler(std::function<bool(int)> keep_waiting);
  void set_busy_timeout(std::chrono::milliseconds timeout);  // instead of a handler

  // Collations that the application brings and nobody else knows compare as bytes here: for checks that do
  // not look at an index's order. Never for writing: an index would be ordered otherwise than the application
  // expects.
  void accept_unknown_collations();

  sqlite3* handle() const { return handle_; }
  const std::string& path() const { return path_; }

  // What SQLite said of the statement that failed last, where neither the file, a lock nor the disk is to
  // blame but its words or the schema's: a collation, say, that only the application has.
  std::optional<std::string> refused_words() const;

  // The Error for SQLite's result code `rc`, with the connection's message and `doing`.
  Error error(int rc, std::string_view doing) const;

 private:
  std::string path_;
  sqlite3* handle_ = nullptr;
  std::function<bool(int)> busy_handler_;
};

// Throws the Error that `rc` (a SQLite result code) stands for.
Error sqlite_error(int rc, const std::string& message);

// A transaction that is rolled back unless it was committed. Write transactions begin IMMEDIATE (FACTS 23).
class Transaction {
 public:
  enum class Kind { kRead, kWrite };
  Transaction(Connection& connection, Kind kind);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Connection& connection_;
  bool open_ = true;
};

// From here on each connection takes only the memory that it needs (stock SQLite: 0.2 MB at once). For a
// process that holds many; to be called while it has none open.
void take_little_memory_for_connections();

// The version of the SQLite library in use ("3.40.1").
std::string sqlite_library_version();

}  // namespace litewright
