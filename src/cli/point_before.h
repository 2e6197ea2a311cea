// The way back that a command makes before it changes a database: a named point in its archive, or, where it
// has none, a plain copy kept beside it.
#pragma once

#include <string>

#include "cli/command.h"

namespace litewright {

// `purpose` is part of the name: "before-reindex-20261128T213000.250Z". Gives what to type to go back. Throws
// what the backup throws: nothing is changed then.
std::string make_point_before(const Invocation& invocation, const std::string& purpose);

}  // namespace litewright
