// Which commits an archive gives back and which it lost, told from the footers alone: pure, no object is
// read. What damage inside an object costs only verify can say.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "archive/catalogue.h"
#include "archive/cover.h"

namespace litewright {

// Restore points that follow each other without a hole between them.
struct RestorableStretch {
  bool every = true;           // each commit from first to last; else some of them were thinned out
  Txid first = {}, last = {};  // restore points both, but see last_seen
  std::uint64_t points = 0;    // exactly
  std::optional<WallTime> first_seen = {};  // absent where no footer says it
  std::optional<WallTime> last_seen = {};   // absent where `last` itself was thinned out
};

// Ascending; of each range without a hole at most two: thinned out in places, then every commit.
std::vector<RestorableStretch> restorable_stretches(const Catalogue& catalogue);

// The commits that the catalogue knows of and that are not `restorable` (as restorable_commits() has it):
// missing ones, and all that builds on them up to the next snapshot. Ascending, disjoint.
std::vector<CommitRange> lost_commits(const Catalogue& catalogue, std::span<const CommitRange> restorable);

// What an object held, as its name tells: nobody can read more of it. A snapshot may have begun later.
// nullopt where it is no segment.
std::optional<CommitRange> range_by_name(const std::string& name);

}  // namespace litewright
