// A script of SQL statements executed as it streams in: a dump that is loaded again. The script is not
// trusted: it may change the database that it is given and nothing else (no ATTACH, no VACUUM INTO; pragmas
// that are not about the database's content are passed over).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sqlite/connection.h"

namespace litewright {

// For one thread. Borrows the connection, whose authorizer it is until destroyed.
class SqlScript {
 public:
  explicit SqlScript(Connection& connection);
  ~SqlScript();
  SqlScript(const SqlScript&) = delete;
  SqlScript& operator=(const SqlScript&) = delete;

  // Executes the statements that `text` completes. Throws Error{kDamaged} with the statement's line where one
  // fails or is longer than SQLite takes, Error{kIo} where the disk is the reason.
  void feed(std::string_view text);
  // Throws Error{kDamaged} where the script ended within a statement or a transaction, or took back what it
  // did.
  void finish();

  std::uint64_t statements() const { return statements_; }

 private:
  enum class Inside { kNothing, kQuote, kLineComment, kBlockComment };

  void keep(std::string_view text);
  std::size_t skip_inside(std::string_view text, std::size_t at);
  std::size_t enter(std::string_view text, std::size_t at);
  void statement_ended();
  void execute();
  static int authorize(void* self, int action, const char* first, const char* second, const char*,
                       const char*);

  Connection& connection_;
  std::string statement_;
  Inside inside_ = Inside::kNothing;
  char quote_ = 0;                           // what ends the quote
  char previous_ = 0;                        // the last character, for "--", "/*" and "*/"
  std::uint64_t line_ = 1, first_line_ = 1;  // of the script now; of the statement
  std::uint64_t statements_ = 0;
  bool rolled_back_ = false;
};

}  // namespace litewright
