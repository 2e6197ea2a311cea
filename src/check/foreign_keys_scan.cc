#include "check/foreign_keys_scan.h"

namespace litewright {

std::vector<ForeignKeyTask> scan_foreign_keys(PageSnapshot&, const SchemaMap&,
                                              const std::vector<ForeignKeyTask>& tasks,
                                              const ForeignKeyOptions&) {
  return tasks;
}

}  // namespace litewright
