#include "base/json_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace litewright {
namespace {

TEST(JsonText, ShowsBytesThatAreNoUtf8) {
  EXPECT_EQ(json_text(nlohmann::json{{"path", "/caf\xe9.db"}}), "{\"path\":\"/caf\xef\xbf\xbd.db\"}");
  EXPECT_EQ(json_text(nlohmann::ordered_json{{"b", "é"}, {"a", 1}}), "{\"b\":\"é\",\"a\":1}");
}

TEST(JsonText, ATextIsAsJsonShowsIt) {
  for (const char* well : {"", "app.db", "zwölf \"ä\"\n\\.db", "日本.db"}) EXPECT_EQ(as_utf8(well), well);
  EXPECT_EQ(as_utf8("caf\xe9.db"), "caf\xef\xbf\xbd.db");
  EXPECT_EQ(as_utf8("\xff\xfe"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(as_utf8("cut \xe6\x97"), "cut \xef\xbf\xbd");
}

TEST(JsonText, DiscardsWhatIsNotOneValueAndNothingElse) {
  for (const std::string_view text : {"", "{", "{} {}", "nul", "\"\xff\"", "[1,]", "{\"a\":1}x"}) {
    EXPECT_TRUE(parse_json(text).is_discarded()) << text;
    EXPECT_TRUE(parse_ordered_json(text).is_discarded()) << text;
  }
  for (const std::string_view text : {"{}", " [1, 2.5, null]\n", "\"\"", "0", "false"}) {
    EXPECT_FALSE(parse_json(text).is_discarded()) << text;
    EXPECT_FALSE(parse_ordered_json(text).is_discarded()) << text;
  }
}

TEST(JsonText, KeepsTheOrderOfKeysWhereItIsAskedTo) {
  const std::string text = R"({"b":1,"a":[true,"x"]})";
  EXPECT_EQ(json_text(parse_ordered_json(text)), text);
  EXPECT_EQ(json_text(parse_json(text)), R"({"a":[true,"x"],"b":1})");
  EXPECT_EQ(indented_json_text(parse_ordered_json(R"({"b":1,"a":"x"})")),
            "{\n  \"b\": 1,\n  \"a\": \"x\"\n}");
}

}  // namespace
}  // namespace litewright
