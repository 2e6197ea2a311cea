// The half of litewright prune that judges an archive.
#pragma once

#include "cli/command.h"

namespace litewright {

// prune DB
int run_prune_archive(const Invocation& invocation);

}  // namespace litewright
