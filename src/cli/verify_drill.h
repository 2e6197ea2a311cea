// litewright verify --drill: a restore made for real, checked, and recorded as a proof.
#pragma once

#include <vector>

#include "cli/command.h"

namespace litewright {

// What --drill takes besides itself.
std::vector<Option> drill_options();
// The exit status.
int run_drill(const Invocation& invocation);

}  // namespace litewright
