// check --startup: what must hold before the application starts; heeds DB_RESET=1.
#pragma once

#include "cli/command.h"

namespace litewright {

int run_startup(const Invocation& invocation);

}  // namespace litewright
