// The fast way through foreign keys: parents' keys into sets, children streamed past them.
#pragma once

#include <vector>

#include "check/foreign_keys_sql.h"
#include "sqlite/page_snapshot.h"

namespace litewright {

// Fills the results of the tasks that can be checked so and gives back the others. Throws Error{kDamaged}
// where a b-tree can't be read to its end.
std::vector<ForeignKeyTask> scan_foreign_keys(PageSnapshot& snapshot, const SchemaMap& map,
                                              const std::vector<ForeignKeyTask>& tasks,
                                              const ForeignKeyOptions& options);

}  // namespace litewright
