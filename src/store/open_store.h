// A store by the words that name it: on the command line, in litewright.toml.
#pragma once

#include <memory>
#include <string>

#include "store/object_store.h"

namespace litewright {

// A folder, relative to the working directory or absolute, or file:///a/folder. Touches nothing. Throws
// Error{kUsage} where this build has no driver for it.
std::unique_ptr<ObjectStore> open_store(const std::string& archive);

// Throws as open_store() does for a place that it has no driver for, or that has no name. Looks at nothing.
void require_store_driver(const std::string& archive);

}  // namespace litewright
