#include "serve/http_message.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace litewright {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

enum class Plus { kItself, kBlank };

std::optional<std::string> decoded(std::string_view text, Plus plus) {
  std::string made;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '+' && plus == Plus::kBlank) c = ' ';
    if (c == '%') {
      if (at + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[at + 1]), low = hex_digit(text[at + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      at += 2;
    }
    if (c == '\0') return std::nullopt;
    made += c;
  }
  return made;
}

// The pieces between `separator`s; an empty text has none.
std::vector<std::string_view> pieces(std::string_view text, char separator) {
  std::vector<std::string_view> found;
  while (!text.empty() && found.size() <= kMostTargetParts) {
    const std::size_t end = std::min(text.find(separator), text.size());
    found.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

struct StatusText {
  int status;
  std::string_view text;
};
constexpr std::array<StatusText, 18> kStatusTexts = {{{200, "OK"},
                                                      {202, "Accepted"},
                                                      {400, "Bad Request"},
                                                      {401, "Unauthorized"},
                                                      {403, "Forbidden"},
                                                      {404, "Not Found"},
                                                      {405, "Method Not Allowed"},
                                                      {406, "Not Acceptable"},
                                                      {409, "Conflict"},
                                                      {413, "Content Too Large"},
                                                      {414, "URI Too Long"},
                                                      {415, "Unsupported Media Type"},
                                                      {429, "Too Many Requests"},
                                                      {431, "Request Header Fields Too Large"},
                                                      {500, "Internal Server Error"},
                                                      {502, "Bad Gateway"},
                                                      {503, "Service Unavailable"},
                                                      {504, "Gateway Timeout"}}};

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
      return 400;
    case ErrorCode::kNoDatabase:
      return 404;
    case ErrorCode::kLocked:
      return 409;
    case ErrorCode::kPermission:
      return 403;
    case ErrorCode::kStoreUnreachable:
      return 502;
    default:
      return 500;
  }
}

}  // namespace

std::optional<HttpTarget> parse_target(std::string_view target) {
  if (!target.starts_with('/')) return std::nullopt;
  target = target.substr(0, target.find('#'));
  const std::size_t question = std::min(target.find('?'), target.size());
  HttpTarget made;
  const std::string_view path = target.substr(1, question - 1);
  for (const std::string_view piece : pieces(path, '/')) {
    auto part = decoded(piece, Plus::kItself);
    if (!part) return std::nullopt;
    made.path.push_back(std::move(*part));
  }
  const std::string_view query = target.substr(std::min(question + 1, target.size()));
  const auto pairs = pieces(query, '&');
  if (made.path.size() > kMostTargetParts || pairs.size() > kMostTargetParts) return std::nullopt;
  for (const std::string_view pair : pairs) {
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = decoded(pair.substr(0, equals), Plus::kBlank);
    auto value = decoded(pair.substr(std::min(equals + 1, pair.size())), Plus::kBlank);
    if (!name || !value) return std::nullopt;
    made.query.emplace(std::move(*name), std::move(*value));
  }
  return made;
}

std::string_view HttpRequest::header(std::string_view name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

HttpAnswer json_answer(const nlohmann::ordered_json& document, int status) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = json_text(document) + "\n";
  return answer;
}

HttpAnswer problem(int status, const std::string& detail, const std::string& hint) {
  nlohmann::ordered_json document = {
      {"type", "about:blank"}, {"title", http_status_text(status)}, {"status", status}, {"detail", detail}};
  if (!hint.empty()) document["hint"] = hint;
  HttpAnswer answer = json_answer(document, status);
  answer.type = "application/problem+json";
  return answer;
}

HttpAnswer problem(const Error& error) {
  return problem(status_of(error.code()), error.what(), error.hint());
}

std::string_view http_status_text(int status) {
  const auto* found = std::ranges::find(kStatusTexts, status, &StatusText::status);
  return found == kStatusTexts.end() ? "Error" : found->text;
}

}  // namespace litewright
