// This machine's name, as the kernel has it.
#pragma once

#include <string>

namespace litewright {

std::string host_name();

}  // namespace litewright
