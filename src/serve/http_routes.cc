#include "serve/http_routes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace litewright {
namespace {

using Captured = std::map<std::string, std::string, std::less<>>;

bool is_name(const std::string& part) { return part.starts_with('{') && part.ends_with('}'); }

std::optional<Captured> match(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return std::nullopt;
  Captured captured;
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (is_name(pattern[at]))
      captured[pattern[at].substr(1, pattern[at].size() - 2)] = path[at];
    else if (pattern[at] != path[at])
      return std::nullopt;
  }
  return captured;
}

HttpAnswer refusal(RouteNeed need, const AccessRules& rules) {
  if (rules.token.empty()) {
    return need == RouteNeed::kToken
               ? problem(403, "this needs a token, and none is set", "set [http] token_file")
               : problem(403, "only this machine may ask", "set [http] token_file");
  }
  HttpAnswer answer = problem(401, "this needs the token of [http] token_file", "Authorization: Bearer …");
  answer.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"litewright\"");
  return answer;
}

bool allowed(RouteNeed need, const HttpRequest& request, const AccessRules& rules) {
  if (need == RouteNeed::kNothing) return true;
  return need == RouteNeed::kToken ? has_token(request, rules) : may_ask(request, rules);
}

std::string hint_of(const std::string& name, const std::vector<std::string>& known) {
  if (known.empty()) return "this address takes none";
  if (const std::string meant = nearest(name, known); !meant.empty()) return fmt::format("{}=...", meant);
  return fmt::format("{}", fmt::join(known, ", "));
}

// A parameter that is mistyped, or empty as a script's variable may be, would otherwise mean its default:
// another answer than was asked for, and no word of it.
void require_known(const HttpTarget& target, const std::vector<std::string>& known) {
  for (const auto& [name, value] : target.query) {
    if (std::ranges::find(known, name) == known.end())
      throw Error(ErrorCode::kUsage, fmt::format("unknown parameter '{}'", name), hint_of(name, known));
    if (value.empty())
      throw Error(ErrorCode::kUsage, fmt::format("the parameter '{}' has no value", name),
                  fmt::format("{}=..., or leave it out", name));
  }
}

}  // namespace

std::string HttpCall::query(std::string_view name) const {
  const auto found = target.query.find(name);
  return found == target.query.end() ? "" : found->second;
}

HttpRoutes::HttpRoutes(AccessRules rules, std::vector<HttpRoute> routes)
    : rules_(std::make_shared<const AccessRules>(std::move(rules))), routes_(std::move(routes)) {
  for (const HttpRoute& route : routes_) patterns_.push_back(parse_target(route.pattern).value().path);
}

void HttpRoutes::use(AccessRules rules) { rules_ = std::make_shared<const AccessRules>(std::move(rules)); }

HttpAnswer HttpRoutes::dispatch(const HttpRequest& request) const {
  const std::shared_ptr<const AccessRules> rules = rules_;
  if (auto refused = refuse_foreign(request, *rules)) return std::move(*refused);
  auto target = parse_target(request.target);
  if (!target) return problem(400, "the address can't be read");
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  std::string others;
  for (std::size_t at = 0; at < routes_.size(); ++at) {
    const HttpRoute& route = routes_[at];
    auto captured = match(patterns_[at], target->path);
    if (!captured) continue;
    if (route.method != method) {
      others += (others.empty() ? "" : ", ") + route.method;
      continue;
    }
    if (!allowed(route.need, request, *rules)) return refusal(route.need, *rules);
    if (route.parameters) require_known(*target, *route.parameters);
    return route.answer({.request = request,
                         .target = std::move(*target),
                         .captured = std::move(*captured),
                         .may_ask = may_ask(request, *rules)});
  }
  if (others.empty())
    return problem(404, "nothing is at this address", "docs/openapi.json lists what there is");
  HttpAnswer answer = problem(405, fmt::format("{} is not answered here", request.method));
  answer.headers.emplace_back("Allow", others);
  return answer;
}

HttpAnswer HttpRoutes::answer(const HttpRequest& request) const {
  return answer_or_problem([&] { return dispatch(request); });
}

HttpAnswer answer_or_problem(const std::function<HttpAnswer()>& make) {
  try {
    return make();
  } catch (const Error& error) {
    return problem(error);
  } catch (const std::exception& error) {
    return problem(500, error.what());
  }
}

}  // namespace litewright
