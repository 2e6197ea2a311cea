// Which rows an index misses and which entries it has too many: the second pass, over one index whose sums
// differ. First the sums of many parts of the hashes' range on both sides; then, in the parts that differ,
// hash by hash.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "check/check_plan.h"
#include "check/row_judge.h"
#include "check/sqlite_asks.h"

namespace litewright {

struct MissingKeys {
  std::vector<std::string> missing = {};  // rows without their entry: "rowid 17"
  std::vector<std::string> extra = {};    // rows that entries without a row speak of
  bool all = true;                        // false: there are more than were looked for
};

// At most `most` of each. `asks` may be null where no index needs SQLite. `give_up` as TreeWalkOptions'.
// Throws Error{kIo|kLocked}.
MissingKeys find_missing_keys(PageSource& source, const CheckPlan& plan, std::size_t index, SqliteAsks* asks,
                              std::size_t most, const std::function<bool()>& give_up);

}  // namespace litewright
