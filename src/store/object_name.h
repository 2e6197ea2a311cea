// What an object may be called: checked by every driver before the name comes near a path or an address.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace litewright {

inline constexpr std::size_t kMaxObjectNameBytes = 512;
inline constexpr std::size_t kMaxObjectNameParts = 8;

// '/'-separated, non-empty parts of [A-Za-z0-9._-], none of them "." or ".."; not "lock" alone, which is the
// hold's own file in a directory. At most kMaxObjectNameBytes bytes and kMaxObjectNameParts parts.
bool valid_object_name(std::string_view name);

// The parts of a valid name; throws Error{kUsage} (naming it, control characters escaped) for any other.
std::vector<std::string> object_name_parts(std::string_view name);

}  // namespace litewright
