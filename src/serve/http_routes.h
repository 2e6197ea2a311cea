// The table of what is answered, and the way from a request to its route: Host and Origin, path, method,
// permission, query, in this order. Pure: values in, values out.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/http_access.h"
#include "serve/http_message.h"

namespace litewright {

// A request that found its route.
struct HttpCall {
  const HttpRequest& request;
  HttpTarget target = {};
  std::map<std::string, std::string, std::less<>> captured = {};  // by the name in the pattern's braces
  bool may_ask = false;  // false at probes alone: then names and details are left out

  const std::string& part(std::string_view name) const { return captured.find(name)->second; }
  // Empty where it was not given.
  std::string query(std::string_view name) const;
};

enum class RouteNeed {
  kNothing,  // a probe
  kAsker,    // may_ask()
  kToken,    // has_token(): gives away what files' permissions protect
};

struct HttpRoute {
  std::string method = {};   // "GET" answers HEAD, too
  std::string pattern = {};  // "/api/v1/databases/{name}"
  RouteNeed need = RouteNeed::kAsker;
  // What the query may hold, each with a value; anything else is a 400. Absent: it is passed over.
  std::optional<std::vector<std::string>> parameters = {};
  std::function<HttpAnswer(const HttpCall&)> answer = {};  // throws Error
};

// What `make` gives; what it throws as a problem document. For what is made later, too.
HttpAnswer answer_or_problem(const std::function<HttpAnswer()>& make);

// Usable from several threads at once, as far as its routes are.
class HttpRoutes {
 public:
  HttpRoutes(AccessRules rules, std::vector<HttpRoute> routes);
  void use(AccessRules rules);  // from the next request on; from any thread

  // Never throws: what goes wrong is a problem document.
  HttpAnswer answer(const HttpRequest& request) const;

  const std::vector<HttpRoute>& all() const { return routes_; }

 private:
  HttpAnswer dispatch(const HttpRequest& request) const;

  std::atomic<std::shared_ptr<const AccessRules>> rules_;
  std::vector<HttpRoute> routes_;
  std::vector<std::vector<std::string>> patterns_;  // of each route, its parts
};

}  // namespace litewright
