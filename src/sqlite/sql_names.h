// Names in SQL text: how they are written, and when two of them mean the same.
#pragma once

#include <string>
#include <string_view>

namespace litewright {

// "name", quotes doubled; 'text', quotes doubled.
std::string quoted_name(std::string_view name);
std::string quoted_text(std::string_view text);

// SQLite's rule: ASCII letters without regard to case, everything else byte for byte.
bool same_name(std::string_view a, std::string_view b);
// Equal for names that are the same by that rule.
std::string folded_name(std::string_view name);

}  // namespace litewright
