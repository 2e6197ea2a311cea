#include "config/configuration.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "config/first_configuration.h"

namespace litewright {
namespace {

TEST(Configuration, ReadsEveryKeyThatTheTableNames) {
  const Configuration all = parse_configuration(R"(
[http]
listen = "0.0.0.0:80"
[[database]]
path = "/data/app.db"
name = "shop"
archive = ["/backup/app", "/mnt/app"]
files = ["/data/key"]
journal_mode = "wal"
schedule.daily = "0 2 * * *"
service.stop = "systemctl stop app"
health.url = "http://127.0.0.1/health"
health.query = "SELECT 1"
health.min_rows = { users = 7 }
thresholds = { wal = "200MB,400MB" }
[[database.rules]]
name = "lines"
query = "SELECT 1 WHERE 0"
severity = "critical"
message = "no lines"
[[database]]
glob = "/data/tenants/*.db"
archive = "/backup/tenants"
)",
                                                "litewright.toml");
  EXPECT_EQ(all.listen, "0.0.0.0:80");
  ASSERT_EQ(all.databases.size(), 2u);
  const DatabaseSettings& shop = all.databases[0];
  EXPECT_EQ(shop.name, "shop");
  EXPECT_EQ(shop.archives, (std::vector<std::string>{"/backup/app", "/mnt/app"}));
  EXPECT_EQ(shop.files, std::vector<std::string>{"/data/key"});
  EXPECT_EQ(shop.journal_mode, "wal");
  EXPECT_EQ(shop.schedule.at("daily"), "0 2 * * *");
  EXPECT_EQ(shop.service.at("stop"), "systemctl stop app");
  EXPECT_EQ(shop.health_url, "http://127.0.0.1/health");
  EXPECT_EQ(shop.health_query, "SELECT 1");
  EXPECT_EQ(shop.min_rows.at("users"), 7u);
  EXPECT_EQ(shop.thresholds.of("wal").critical, 400e6);
  ASSERT_EQ(shop.rules.size(), 1u);
  EXPECT_EQ(shop.rules[0].severity, Severity::kCritical);
  EXPECT_EQ(all.of("/data/app.db"), &all.databases[0]);
  EXPECT_EQ(all.of("/data/tenants/a.db"), &all.databases[1]);
  EXPECT_EQ(all.of("/data/tenants/deep/a.db"), nullptr);
}

TEST(Configuration, NamesFileLineAndTheNearestKey) {
  struct Bad {
    const char *text, *message, *hint;
  };
  for (const Bad& bad :
       {Bad{"[[database]]\npath = \"a\"\narchiv = \"b\"\n", "x.toml:3: unknown key 'archiv' in [database]",
            "did you mean archive?"},
        Bad{"[htp]\n", "x.toml:1: unknown key 'htp'", "did you mean http?"},
        Bad{"[[database]]\npath = \"a\"\nschedule.dayly = \"x\"\n",
            "x.toml:3: unknown key 'dayly' in [database.schedule]", "did you mean daily?"},
        Bad{"[[database]]\npath = \"a\"\n[database.thresholds]\nwall = \"1,2\"\n",
            "x.toml:4: unknown key 'wall'", "did you mean wal?"},
        Bad{"[[database]]\npath = \"a\"\n[database.thresholds]\nwal = \"1\"\n", "x.toml:4: threshold wal",
            "WARNING,CRITICAL"},
        Bad{"[[database]]\npath = 7\n", "x.toml:2: path is a text", ""},
        Bad{"[[database]]\nname = \"a\"\n", "x.toml:1: a database has a path, or a glob", ""},
        Bad{"[[database]\n", "x.toml:1: ", "TOML"},
        Bad{"[database]\npath = \"a\"\n", "x.toml:1: database is written as [[database]]", ""}}) {
    try {
      parse_configuration(bad.text, "x.toml");
      ADD_FAILURE() << bad.text << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfig);
      EXPECT_NE(std::string(error.what()).find(bad.message), std::string::npos) << error.what();
      EXPECT_NE(error.hint().find(bad.hint), std::string::npos) << error.hint();
    }
  }
}

// Every comment that shows a key is taken away: the whole must be read, and mean this database.
std::string without_comment_signs(std::string text) {
  std::string made;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    std::string line = text.substr(begin, end - begin);
    const bool shows_a_key =
        line.starts_with("# ") && (line.find(" = ") != std::string::npos || line.starts_with("# [["));
    made += (shows_a_key ? line.substr(2) : line) + "\n";
    begin = end + 1;
  }
  return made;
}

TEST(FirstConfiguration, IsReadAsItStandsAndWithAllItsCommentsTakenAway) {
  const FoundDatabase found = {.path = "/data/a \"b\".db",
                               .journal_mode = "delete",
                               .bytes = 3'000'000'000,
                               .disk_bytes = 20'000'000'000,
                               .largest_table = "big table",
                               .largest_rows = 10};
  const std::string text = first_configuration(found);
  const Configuration plain = parse_configuration(text, "x.toml");
  ASSERT_EQ(plain.databases.size(), 1u);
  EXPECT_EQ(plain.databases[0].path, found.path);
  EXPECT_EQ(plain.databases[0].journal_mode, "");
  EXPECT_GT(plain.databases[0].thresholds.of("size").warning, 3e9) << "limits that it is beyond already";
  const Configuration all = parse_configuration(without_comment_signs(text), "x.toml");
  EXPECT_EQ(all.databases[0].min_rows.at("big table"), 5u);
  EXPECT_EQ(all.databases[0].rules.size(), 1u);
  EXPECT_EQ(all.databases[0].service.size(), 4u);
  EXPECT_EQ(all.databases[0].schedule.size(), 4u);
}

TEST(ConfigurationDocument, HasARowForEveryKeyAndEveryThreshold) {
  const std::string document =
      read_whole_file(std::filesystem::path(LITEWRIGHT_SOURCE_DIR) / "docs/configuration.md", 1 << 20);
  const auto holds = [&document](const std::string& row) {
    EXPECT_NE(document.find(row), std::string::npos) << "docs/configuration.md lacks: " << row;
  };
  for (const ConfigKey& key : config_keys()) {
    holds(fmt::format("| `{}` | {} | {} |", key.name,
                      key.fallback.empty() ? "" : fmt::format("`{}`", key.fallback), key.what));
  }
  for (const ThresholdRule& rule : threshold_rules()) {
    holds(fmt::format("| `{}` | `{}` | {} | {} | `{}` | `{}` |", rule.name, rule.defaults,
                      rule.bound == ThresholdBound::kAbove ? "more" : "less", rule.what, rule.check,
                      rule.id));
  }
}

}  // namespace
}  // namespace litewright
