// Makes an index anew from its table's rows, and holds it against them before it says that all is well.
//
// SQLite's REINDEX first empties the old b-tree, and so fails where a page of it is damaged. Then the index
// is built beside the old one under another name, and takes its place in the schema within the same
// transaction; the old one's pages stay unused until the next VACUUM.
//
// Each index is a transaction of its own: between two of them other writers have their turn. Interrupted, the
// index is as it was.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "maintain/write_turn.h"
#include "sqlite/connection.h"

namespace litewright {

struct ReindexTarget {
  std::string index = {};
  std::string table = {};
  bool unique = false;
  // What follows the name in its CREATE INDEX: "ON t(a COLLATE NOCASE, b DESC) WHERE …"; of an index that a
  // constraint made, the same written out.
  std::string definition = {};
};

struct ReindexOutcome {
  std::string index = {}, table = {};
  bool built_beside = false;                // the old b-tree could not be emptied; its pages are unused now
  std::int64_t rows = 0;                    // of the table
  std::chrono::duration<double> seconds{};  // that writers were kept out
};

// What is told before an index is made anew: how many rows, and about how long writers are kept out.
using ReindexNotice =
    std::function<void(const ReindexTarget& target, std::int64_t rows, std::chrono::duration<double> about)>;

// Throws Error{kLocked} as WriteTurn does; Error{kDamaged} where rows forbid it (equal keys in a unique
// index), the table can't be read, or the new index does not agree with it; Error{kIo} on a full disk. What
// was not committed is as it was. `connection` may write and has no transaction.
ReindexOutcome reindex(Connection& connection, const Clock& clock, const ReindexTarget& target,
                       const WritePatience& patience, const ReindexNotice& before);

// What PRAGMA integrity_check says of a table and its indexes; empty: nothing.
std::vector<std::string> table_faults(Connection& connection, const std::string& table);

}  // namespace litewright
