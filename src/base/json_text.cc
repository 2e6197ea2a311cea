#include "base/json_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace litewright {
namespace {

template <typename Json>
std::string dumped(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string json_text(const nlohmann::json& value) { return dumped(value); }
std::string json_text(const nlohmann::ordered_json& value) { return dumped(value); }

std::string indented_json_text(const nlohmann::ordered_json& value) { return dumped(value, 2); }

nlohmann::json parse_json(std::string_view text) { return nlohmann::json::parse(text, nullptr, false); }

nlohmann::ordered_json parse_ordered_json(std::string_view text) {
  return nlohmann::ordered_json::parse(text, nullptr, false);
}

std::string as_utf8(std::string_view text) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::ranges::all_of(text, is_ascii)) return std::string(text);
  return parse_json(json_text(nlohmann::json(text))).get<std::string>();
}

}  // namespace litewright
