// JSON as text. File names are bytes, and JSON is UTF-8: what is not is written as U+FFFD, rather than not at
// all by an exception. nlohmann's parser and serializer are made here and nowhere else: as templates they
// cost the compiler more than the rest of most files.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace litewright {

// On one line, without an end of line.
std::string json_text(const nlohmann::json& value);
std::string json_text(const nlohmann::ordered_json& value);

// With two spaces a level, without an end of line.
std::string indented_json_text(const nlohmann::ordered_json& value);

// is_discarded(), and so neither object nor array, where `text` is anything but one JSON value.
nlohmann::json parse_json(std::string_view text);
nlohmann::ordered_json parse_ordered_json(std::string_view text);  // its keys stay in their order

// A text as JSON shows it.
std::string as_utf8(std::string_view text);

}  // namespace litewright
