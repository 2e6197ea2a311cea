// The fast way through foreign keys: parents' keys into sets, children streamed past them.
#pragma once

#include <vector>

#include "check/foreign_keys_sql.h"
#include "check/page_source.h"

namespace litewright {

// Fills the results of the tasks that can be checked so and gives back the others. The source has a
// connection.
std::vector<ForeignKeyTask> scan_foreign_keys(PageSource& source, const SchemaMap& map,
                                              const std::vector<ForeignKeyTask>& tasks,
                                              const ForeignKeyOptions& options);

}  // namespace litewright
