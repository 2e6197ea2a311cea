// The program's version: CMakeLists.txt's.
#pragma once

#include <string_view>

namespace litewright {

inline constexpr std::string_view kVersion = LITEWRIGHT_VERSION;

}  // namespace litewright
