// Database locations as applications write them. No I/O but stat(), no sqlite3.h.
//
//   app.db, /data/app.db                      a path
//   sqlite:///rel.db, sqlite:////abs/app.db   SQLAlchemy, Django, Rails: three slashes relative, four
//   absolute sqlite+aiosqlite:///…, sqlite3:///…       any driver behind the plus sqlite:app.db,
//   jdbc:sqlite:app.db         PDO, JDBC file:app.db?mode=ro, file:///abs/app.db   SQLite's own URIs
//   (sqlite.org/uri.html) sqlite:///file:app.db?mode=ro&uri=true    SQLAlchemy around one of those
//   postgresql://user:password@host/db        recognised, postgres:// and +driver too
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/environment.h"

namespace litewright {

enum class DatabaseKind { kSqlite, kPostgres };

struct DatabaseLocation {
  DatabaseKind kind = DatabaseKind::kSqlite;
  // SQLite: the file, relative to the working folder where it was written so.
  std::filesystem::path path = {};
  // SQLite: where percent-decoding changed the path, the path without it. SQLAlchemy does not decode, others
  // do; locate_database() takes the one that exists.
  std::optional<std::filesystem::path> undecoded_path = {};
  bool read_only = false;  // mode=ro or immutable=1 was asked for
  bool from_url = false;   // written as a URL, not as a path
  // What messages may show: the path, or the address without its password.
  std::string display = {};
  // PostgreSQL: the whole address, driver suffix removed, for libpq. Holds the password: never print it.
  std::string secret_address = {};
};

// Throws Error{kUsage} for ":memory:" and its like, an empty text, a foreign scheme, bad percent-encoding.
// Looks at no file. No message holds a password.
DatabaseLocation parse_database_url(std::string_view text);

// `named` if there is one, else $DATABASE_URL, else $DATABASE_PATH. Throws Error{kUsage} where none is given.
DatabaseLocation locate_database(const std::optional<std::string>& named, const Environment& environment);

// Throws where the SQLite file can't be there to be opened: Error{kNoDatabase} for a missing file (the hint
// names the absolute file where `sqlite:///data/app.db` probably meant it), a folder or a pipe,
// Error{kPermission} where its folder can't be searched. Only stats the file (FACTS 7).
void require_database_file(const DatabaseLocation& location);

// `text` with every password cut out, whatever it is: user information up to the last '@' behind "://", and
// every `…password=` value. For messages about text that could not be parsed.
std::string without_password(std::string_view text);

}  // namespace litewright
