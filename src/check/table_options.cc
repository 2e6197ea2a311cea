#include "check/table_options.h"

#include <algorithm>
#include <cctype>

#include "sqlite/sql_names.h"

namespace litewright {
namespace {

// The next word, quoted name, or single character of `text`, which is shortened by it; blanks and comments
// are left out. Empty at the end.
std::string_view next_token(std::string_view& text) {
  const auto take = [&text](std::size_t bytes) {
    const std::string_view token = text.substr(0, bytes);
    text.remove_prefix(token.size());
    return token;
  };
  const auto through = [&text](std::string_view end, std::size_t from) {
    const std::size_t at = text.find(end, from);
    return at == std::string_view::npos ? text.size() : at + end.size();
  };
  const auto is_word = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '$' || c >= 0x80;
  };
  while (!text.empty()) {
    const char c = text.front();
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      take(1);
    } else if (text.starts_with("--")) {
      take(through("\n", 2));
    } else if (text.starts_with("/*")) {
      take(through("*/", 2));
    } else if (c == '\'' || c == '"' || c == '`') {
      return take(through({&c, 1}, 1));  // a doubled quote gives two tokens: no harm here
    } else if (c == '[') {
      return take(through("]", 1));
    } else if (is_word(static_cast<unsigned char>(c))) {
      return take(static_cast<std::size_t>(std::ranges::find_if_not(text, is_word) - text.begin()));
    } else {
      return take(1);
    }
  }
  return {};
}

}  // namespace

TableOptions table_options(std::string_view sql) {
  TableOptions options;
  int depth = 0;
  bool behind_columns = false;
  std::string_view before;
  for (std::string_view token = next_token(sql); !token.empty(); before = token, token = next_token(sql)) {
    if (depth == 0 && !behind_columns && same_name(before, "CREATE") && same_name(token, "VIRTUAL")) {
      return {.is_virtual = true};
    }
    if (token == "(") depth++;
    if (token == ")" && --depth == 0) behind_columns = true;
    if (!behind_columns || depth != 0) continue;
    if (same_name(token, "STRICT")) options.strict = true;
    if (same_name(before, "WITHOUT") && same_name(token, "ROWID")) options.without_rowid = true;
  }
  return options;
}

// A quoted name keeps its quotes and is never ON.
std::string index_definition(std::string_view sql) {
  for (std::string_view token = next_token(sql); !token.empty(); token = next_token(sql)) {
    if (same_name(token, "ON")) return "ON" + std::string(sql);
  }
  return "";
}

}  // namespace litewright
