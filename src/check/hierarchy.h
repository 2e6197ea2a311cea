// Tables whose rows point at rows of the same table (a tree of locations, replies to comments): rows whose
// parent does not exist, and rows that are their own ancestors, with the way round.
//
// A way round must somewhere go from a row to one with the same or a higher rowid; where no row does, which
// is how trees grow, one pass over the table proves that there is none. Else the edges are held in memory, 16
// bytes each, up to a limit, and walked once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/finding.h"
#include "check/schema_map.h"

namespace litewright {

struct HierarchyOptions {
  std::size_t most_edges = 8'000'000;  // held in memory
  std::size_t rows_named = 20;         // orphans, cycles, and rows of a cycle
};

struct HierarchyCycle {
  std::uint64_t rows = 0;
  std::vector<std::string> path =
      {};  // from the lowest row to its ancestors, the first not repeated; bounded
};

struct HierarchyResult {
  std::string table = {};
  std::string columns = {};  // those that point at the parent: "parent_id"
  std::uint64_t orphans = 0;
  std::vector<std::string> orphan_rows = {};
  std::uint64_t cycles = 0;
  std::vector<HierarchyCycle> shown = {};
  std::string unchecked = {};  // why, where it could not be
};

// Each self-referencing foreign key that has a parent key.
std::vector<HierarchyResult> check_hierarchies(Connection& connection, const SchemaMap& map,
                                               const HierarchyOptions& options);

// hierarchy.cycle (warning), hierarchy.orphans (critical; leave it out where foreign keys are checked too,
// which name the same rows), hierarchy.unchecked (info).
enum class HierarchyOrphans : std::uint8_t { kGive, kLeaveOut };
std::vector<Finding> hierarchy_findings(const std::vector<HierarchyResult>& results,
                                        const std::string& database, HierarchyOrphans orphans);

}  // namespace litewright
