// --at, --tx and --point: which commit a command line means.
#pragma once

#include <vector>

#include "archive/restore_plan.h"
#include "cli/command.h"

namespace litewright {

// The three options, for a command's description.
std::vector<Option> restore_point_options();
// Nothing given: the newest. Throws Error{kUsage} where they exclude each other or can't be read.
RestorePoint wanted_point(const Invocation& invocation);

}  // namespace litewright
