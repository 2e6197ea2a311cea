#include "check/schema_sql.h"

#include <algorithm>
#include <cctype>

#include "sqlite/sql_names.h"

namespace litewright {
namespace {

struct Token {
  std::size_t at = 0;
  std::string_view text;
};

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || (c & 0x80) != 0;
}

// The end of what is quoted from `at` on; a doubled quote stands for one.
std::size_t quoted_end(std::string_view sql, std::size_t at) {
  const char close = sql[at] == '[' ? ']' : sql[at];
  for (std::size_t i = at + 1; i < sql.size(); i++) {
    if (sql[i] != close) continue;
    if (close != ']' && i + 1 < sql.size() && sql[i + 1] == close) {
      i++;
    } else {
      return i + 1;
    }
  }
  return sql.size();
}

std::vector<Token> tokens_of(std::string_view sql) {
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < sql.size();) {
    const char c = sql[at];
    std::size_t end = at + 1;
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      at = end;
      continue;
    }
    if (sql.substr(at, 2) == "--") {
      at = std::min(sql.find('\n', at), sql.size());
      continue;
    }
    if (sql.substr(at, 2) == "/*") {
      const std::size_t close = sql.find("*/", at + 2);
      at = close == std::string_view::npos ? sql.size() : close + 2;
      continue;
    }
    if (c == '\'' || c == '"' || c == '`' || c == '[') {
      end = quoted_end(sql, at);
    } else if (is_word(c)) {
      while (end < sql.size() && is_word(sql[end])) end++;
    }
    tokens.push_back({at, sql.substr(at, end - at)});
    at = end;
  }
  return tokens;
}

// Without ASC or DESC at the end.
std::string key_text(std::string_view sql, const std::vector<Token>& tokens, std::size_t from,
                     std::size_t to) {
  if (to > from && (same_name(tokens[to - 1].text, "asc") || same_name(tokens[to - 1].text, "desc"))) to--;
  if (to == from) return {};
  const std::size_t end = tokens[to - 1].at + tokens[to - 1].text.size();
  return std::string(sql.substr(tokens[from].at, end - tokens[from].at));
}

}  // namespace

std::vector<std::string_view> sql_tokens(std::string_view sql) {
  std::vector<std::string_view> texts;
  for (const Token& token : tokens_of(sql)) texts.push_back(token.text);
  return texts;
}

std::optional<IndexSql> parse_index_sql(std::string_view sql) {
  const std::vector<Token> tokens = tokens_of(sql);
  std::size_t at = 0;
  while (at < tokens.size() && tokens[at].text != "(") at++;
  if (at == tokens.size()) return std::nullopt;
  IndexSql result;
  int depth = 1;
  std::size_t from = ++at;
  for (; at < tokens.size() && depth > 0; at++) {
    const std::string_view text = tokens[at].text;
    if (text == "(") depth++;
    if (text == ")") depth--;
    if ((text == "," && depth == 1) || depth == 0) {
      result.keys.push_back(key_text(sql, tokens, from, at));
      if (result.keys.back().empty()) return std::nullopt;
      from = at + 1;
    }
  }
  if (depth != 0) return std::nullopt;
  if (at == tokens.size()) return result;
  if (!same_name(tokens[at].text, "where") || at + 1 == tokens.size()) return std::nullopt;
  result.where = std::string(sql.substr(tokens[at + 1].at));
  // A comment at the end would swallow what is put behind it.
  result.where += "\n";
  return result;
}

// CHECK is a keyword: unquoted it is nothing else. Within the list of columns it begins a constraint.
std::vector<std::string> check_expressions(std::string_view sql) {
  const std::vector<Token> tokens = tokens_of(sql);
  std::vector<std::string> expressions;
  int depth = 0;
  for (std::size_t at = 0; at < tokens.size(); at++) {
    if (tokens[at].text == "(") depth++;
    if (tokens[at].text == ")") depth--;
    if (depth != 1 || !same_name(tokens[at].text, "check")) continue;
    if (at + 1 == tokens.size() || tokens[at + 1].text != "(") continue;
    const std::size_t from = at + 2;
    std::size_t to = from;
    for (int inner = 1; to < tokens.size(); to++) {
      if (tokens[to].text == "(") inner++;
      if (tokens[to].text == ")" && --inner == 0) break;
    }
    if (to == tokens.size() || to == from) break;
    const std::size_t end = tokens[to - 1].at + tokens[to - 1].text.size();
    expressions.emplace_back(sql.substr(tokens[from].at, end - tokens[from].at));
    at = to;
  }
  return expressions;
}

}  // namespace litewright
