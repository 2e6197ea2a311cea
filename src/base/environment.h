// Environment variables, passed in: tests hold their own.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace litewright {

// The value of an environment variable, empty where it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

}  // namespace litewright
