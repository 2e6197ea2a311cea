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

}  // namespace
}  // namespace litewright
