// A database as SQL: a script that the sqlite3 shell, or any program with SQLite, makes the same database
// from. Schema, rows with their rowids, sequences, statistics, indexes, views, triggers, virtual tables, and
// the numbers in the header. Streams; holds no more than one row.
//
// Exact: integers, text and blobs as they are (text that no literal can hold, with NULs or no valid UTF-8, as
// a CAST of its bytes), reals in the shortest form that SQLite reads back as the same 64 bits, else as an
// expression of exact factors; infinities as 9e999. Not in it: sqlite_stat4 (ANALYZE makes it again), free
// pages, the journal mode (named in the first line).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/content_hash.h"
#include "sqlite/connection.h"

namespace litewright {

struct SqlDumpOptions {
  std::vector<std::string> tables = {};  // only these, with their indexes and triggers; empty: everything
  std::string journal_mode = {};         // named in the first line: "wal"
  // Called every few thousand bytes with the rows done; what it throws ends the dump.
  std::function<void(std::uint64_t rows)> progress = {};
};

using SqlOut = std::function<void(std::string_view)>;

// The content hash is that of the database which the script makes. The connection must be in a read
// transaction where others may write. Throws Error{kNoDatabase} for a table that is not there, Error{kUsage}
// for a value too long for an SQL statement, Error{kDamaged} where the database is.
ContentHash dump_sql(Connection& connection, const SqlDumpOptions& options, const SqlOut& out);

// Whether a dump's first line says that the database was in WAL mode.
bool dump_says_wal(std::string_view beginning);

// `value` as an SQL expression that gives the same 64 bits; `reads_back(text)` is what SQLite makes of a
// literal.
std::string real_literal(double value, const std::function<double(const std::string&)>& reads_back);

}  // namespace litewright
