#include "serve/http_routes.h"

#include <gtest/gtest.h>

#include "serve/web_samples.h"

namespace litewright {
namespace {

const std::string kToken = "0123456789abcdef0123";

std::string header_of(const HttpAnswer& answer, const std::string& name) {
  for (const auto& [known, value] : answer.headers) {
    if (known == name) return value;
  }
  return "";
}

TEST(HttpRoutes, SayWhatIsWrongWithARequest) {
  WebSample web;
  EXPECT_EQ(web.get("/nothing").status, 404);
  EXPECT_EQ(web.get("/health/live/more").status, 404);
  EXPECT_EQ(web.get("/%").status, 400);
  const HttpAnswer answer =
      web.ask({.method = "DELETE", .target = "/api/v1/databases", .from_loopback = true});
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(header_of(answer, "Allow"), "GET");
  EXPECT_EQ(web.ask({.method = "HEAD", .target = "/health/live", .from_loopback = true}).status, 200);
  EXPECT_EQ(web.ask({.method = "GET",
                     .target = "/health/live",
                     .headers = {{"host", "evil.example"}},
                     .from_loopback = true})
                .status,
            403);
}

std::string replaced(const std::string& text, const std::string& name, const std::string& value) {
  const std::size_t at = text.find(name);
  return at == std::string::npos ? text : text.substr(0, at) + value + text.substr(at + name.size());
}

TEST(HttpRoutes, AskForTheTokenEverywhereButAtProbes) {
  WebSample web({.token = kToken});
  for (const HttpRoute& route : web.routes.all()) {
    const std::string target = replaced(replaced(route.pattern, "{name}", "shop"), "{id}", "7");
    const HttpAnswer answer = web.ask({.method = route.method, .target = target, .from_loopback = true});
    if (route.need == RouteNeed::kNothing) {
      EXPECT_NE(answer.status, 401) << target;
    } else {
      EXPECT_EQ(answer.status, 401) << target;
      EXPECT_EQ(header_of(answer, "WWW-Authenticate"), "Bearer realm=\"litewright\"");
    }
    const HttpAnswer shown = web.ask(
        {.method = route.method, .target = target, .headers = {{"authorization", "Bearer " + kToken}}});
    EXPECT_NE(shown.status, 401) << target;
    EXPECT_NE(shown.status, 403) << target;
  }
  EXPECT_EQ(web.started.size(), 0u) << "a job without a body began";
}

TEST(HttpRoutes, GiveADatabaseAwayToATokenAlone) {
  WebSample web;
  const HttpAnswer answer = web.get("/api/v1/databases/shop/restore");
  EXPECT_EQ(answer.status, 403);
  EXPECT_NE(answer.body.find("token_file"), std::string::npos);
  EXPECT_TRUE(web.commands.empty());
}

}  // namespace
}  // namespace litewright
