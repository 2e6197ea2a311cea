// A look inside a database that nobody vouches for, and that others are using: nothing is written, no code of
// the schema is trusted, no statement outlives its deadline (FACTS 25).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sqlite/connection.h"

namespace litewright {

struct SafeReaderOptions {
  std::optional<std::chrono::nanoseconds> timeout = {};  // of all that is read, from the opening on
  std::chrono::milliseconds busy_timeout{1000};
};

// For one thread. Borrows the clock.
//
// A database in WAL mode that has no -wal is opened as PageSnapshot does: SQLite makes -wal and -shm for it,
// and only a connection that may write takes them away again; every statement that writes is refused all the
// same. A hot journal is never rolled back: then the first read throws.
class SafeReader {
 public:
  // Throws as Connection does.
  SafeReader(const std::string& path, const Clock& clock, const SafeReaderOptions& options = {});
  ~SafeReader();
  SafeReader(const SafeReader&) = delete;
  SafeReader& operator=(const SafeReader&) = delete;

  Connection& connection() { return *connection_; }

  // Prepares one statement that only reads. Throws Error{kUsage} where it would write, or where more than one
  // statement is there; Error{kDamaged|…} as SQLite says.
  Statement prepare(const std::string& sql);
  // The names of its columns: of what prepare() gave last.
  const std::vector<std::string>& columns() const { return columns_; }

  // From here on only prepare()'s kind is let through, whoever asks: no ATTACH, no pragma that sets anything.
  void refuse_all_else();

  // What was read was cut off at the deadline: the statement threw Error{kLocked}.
  bool timed_out() const { return timed_out_; }
  // What failed last failed by its own words: wrong SQL, a function refused; not by the database.
  bool statement_was_wrong() const;

 private:
  static int look_at_clock(void* self);
  static int authorize(void* self, int action, const char* first, const char* second, const char*,
                       const char*);

  const Clock& clock_;
  std::optional<SteadyTime> deadline_;
  bool timed_out_ = false;
  std::vector<std::string> columns_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace litewright
