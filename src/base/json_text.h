// JSON as text. File names are bytes, and JSON is UTF-8: what is not is written as U+FFFD, rather than not at
// all by an exception.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace litewright {

// On one line, without an end of line.
std::string json_text(const nlohmann::json& value);
std::string json_text(const nlohmann::ordered_json& value);

// A text as JSON shows it.
std::string as_utf8(std::string_view text);

}  // namespace litewright
