#include "serve/http_message.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace litewright {
namespace {

using Parts = std::vector<std::string>;

TEST(HttpTarget, IsTakenApartAndDecoded) {
  const auto target = parse_target("/api/v1/databases/a%20b%2Fc+d?db=x+y%26z&flag&db=second#rest");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, (Parts{"api", "v1", "databases", "a b/c+d"}));
  EXPECT_EQ(target->query.at("db"), "x y&z");
  EXPECT_EQ(target->query.at("flag"), "");
  EXPECT_EQ(parse_target("/")->path, Parts());
  EXPECT_EQ(parse_target("/?a=")->query.at("a"), "");
  EXPECT_EQ(parse_target("/a/")->path, Parts{"a"});
}

TEST(HttpTarget, IsRefusedWhereItCannotBeMeant) {
  for (const std::string bad : {"", "health", "http://x/", "/%", "/%2", "/%zz", "/a%00b", "/?a=%0"})
    EXPECT_FALSE(parse_target(bad)) << bad;
  std::string deep, wide = "/?";
  for (std::size_t i = 0; i <= kMostTargetParts; ++i) {
    deep += "/a";
    wide += "a&";
  }
  EXPECT_FALSE(parse_target(deep));
  EXPECT_FALSE(parse_target(wide));
}

TEST(HttpAnswer, TellsAnErrorAsAProblemWithItsHint) {
  const HttpAnswer answer = problem(Error(ErrorCode::kNoDatabase, "no such database", "litewright runs"));
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.type, "application/problem+json");
  const auto document = parse_json(answer.body);
  EXPECT_EQ(document["title"], "Not Found");
  EXPECT_EQ(document["status"], 404);
  EXPECT_EQ(document["detail"], "no such database");
  EXPECT_EQ(document["hint"], "litewright runs");
  EXPECT_FALSE(parse_json(problem(400, "x").body).contains("hint"));
}

}  // namespace
}  // namespace litewright
