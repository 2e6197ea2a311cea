// What a lock report says must be known or done: one finding a trouble and process, none for idle ones.
#pragma once

#include <vector>

#include "locks/lock_report.h"

namespace litewright {

// The worst first. `report` is complete but for its findings.
std::vector<Finding> lock_findings(const LockReport& report, const LockHistory& history,
                                   const LockLimits& limits);

}  // namespace litewright
