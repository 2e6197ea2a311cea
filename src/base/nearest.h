// The word that was probably meant: for commands, options and keys that don't exist.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace litewright {

// The candidate that `typed` was probably meant to be: at most a third of its letters, and two at least,
// changed, swapped, missing or too many. Empty if there is none.
std::string nearest(std::string_view typed, const std::vector<std::string>& candidates);

}  // namespace litewright
