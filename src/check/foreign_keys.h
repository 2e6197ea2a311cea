// Rows that point at nothing: the same answer as PRAGMA foreign_key_check, many times as fast, with the rows.
//
// Each parent's keys are read once, in the order of their pages, into a set (check/key_set.h); then each
// child is streamed once past the sets of all its keys. Values that only SQLite can convert are asked about
// by SQL, on the snapshot's own connection; keys that can't be taken so at all (a virtual generated column,
// folded UTF-16) are checked by SQL as a whole.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/finding.h"
#include "check/page_source.h"
#include "check/schema_map.h"

namespace litewright {

struct ForeignKeyOptions {
  unsigned threads = 0;                                   // 0: one a core
  std::uint64_t memory_bytes = std::uint64_t{160} << 20;  // of the sets; at least 1 MiB is taken
  std::size_t rows_named = 20;                            // orphans of each key
  std::function<bool()> give_up = {};                     // true ends it with Error{kLocked}; empty: never
};

// What was seen of one foreign key.
struct ForeignKeyResult {
  enum class State : std::uint8_t {
    kChecked,
    kMismatch,   // no unique key of the parent fits
    kUnchecked,  // `reason` says why: a collation or a function that only the application has
    kDamaged,    // `reason` says which b-tree can't be read to its end
  };
  std::string table = {};
  int id = 0;                // as PRAGMA foreign_key_check counts
  std::string columns = {};  // "a, b"
  std::string parent = {};   // as the key names it
  State state = State::kChecked;
  std::string reason = {};
  bool parent_missing = false;  // no such table: every row that points at it is an orphan
  bool child_index = true;      // false: a parent's deletion reads the whole child
  std::uint64_t orphans = 0;
  std::vector<std::string> rows = {};  // the first: a rowid, or the key of a WITHOUT ROWID table: "('a', 7)"
};

// In the order of the schema's tables, then by id. `source` has a connection, from which `map` was read.
std::vector<ForeignKeyResult> check_foreign_keys(PageSource& source, const SchemaMap& map,
                                                 const ForeignKeyOptions& options);

// The same on a snapshot of its own pages.
std::vector<ForeignKeyResult> check_foreign_keys(PageSnapshot& snapshot, const SchemaMap& map,
                                                 const ForeignKeyOptions& options);

// foreign_keys.orphans, .mismatch, .damaged (critical), .parent_missing, .no_index and .unchecked (info).
// `database` as it was named.
std::vector<Finding> foreign_key_findings(const std::vector<ForeignKeyResult>& results,
                                          const std::string& database);

}  // namespace litewright
