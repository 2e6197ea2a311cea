#include "config/configuration.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/test_folder.h"
#include "base/thrown_error_test.h"
#include "base/time_text.h"
#include "config/first_configuration.h"

namespace litewright {
namespace {

TEST(Configuration, ReadsEveryKeyThatTheTableNames) {
  const Configuration all = parse_configuration(R"(
[http]
listen = "0.0.0.0:80"
token_file = "/etc/litewright/token"
hosts = ["db.example"]
[[alert]]
name = "ops"
severity = "critical"
databases = "shop*"
findings = ["wal.*", "disk.*"]
repeat = "1h"
settle = "2m"
quiet_hours = "22:00-07:00"
command = "page ops"
webhook = "https://hooks.example/x"
syslog = "local0"
contacts = ["on call"]
[[alert.escalation]]
after = "15m"
webhook = "https://hooks.example/y"
contacts = ["senior"]
[[alert.escalation]]
after = "45m"
command = "page all"
[serve]
state_folder = "/var/lib/lw"
log_format = "json"
look_every = "2s"
[jobs]
at_once = 3
zone = "Europe/Berlin"
jitter = "10m"
catch_up = "never"
longest_lateness = "1d"
time_limit = "1h"
retries = 0
daily = "0 3 * * *"
weekly = "0 4 * * 0"
[[database]]
path = "/data/app.db"
name = "shop"
archive = ["/backup/app"]
files = ["/data/key"]
journal_mode = "wal"
recorder = "5m"
recorder_stall = "2s"
wal_limit = "4MiB"
wal_ceiling = "64MiB"
spool = "1MiB"
keep = { last = 5, daily = "30", max_bytes = "20GB" }
schedule.daily = "0 2 * * *"
schedule.weekly = "off"
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
[[database]]
glob = "/srv/*/app.db"
archive = "/backup/srv"
[[database]]
directory = "/data/more"
)",
                                                "litewright.toml");
  EXPECT_EQ(all.http.listen, "0.0.0.0:80");
  EXPECT_EQ(all.http.token_file, "/etc/litewright/token");
  EXPECT_EQ(all.http.hosts, std::vector<std::string>{"db.example"});
  using std::chrono::minutes;
  const std::vector<AlertSettings> alerts = {
      {.name = "ops",
       .severity = Severity::kCritical,
       .databases = {"shop*"},
       .findings = {"wal.*", "disk.*"},
       .repeat = minutes(60),
       .settle = minutes(2),
       .quiet_hours = "22:00-07:00",
       .channel = {.command = "page ops",
                   .webhook = "https://hooks.example/x",
                   .syslog = "local0",
                   .contacts = {"on call"}},
       .escalation = {
           {.after = minutes(15), .channel = {.webhook = "https://hooks.example/y", .contacts = {"senior"}}},
           {.after = minutes(45), .channel = {.command = "page all"}}}}};
  EXPECT_EQ(all.alerts, alerts);
  EXPECT_EQ(all.serve.state_folder, "/var/lib/lw");
  EXPECT_TRUE(all.serve.json_log);
  EXPECT_EQ(all.serve.look_every, std::chrono::seconds(2));
  EXPECT_EQ(all.jobs.at_once, 3u);
  EXPECT_EQ(all.jobs.rules.jitter, std::chrono::minutes(10));
  EXPECT_EQ(all.jobs.rules.catch_up, JobRules::CatchUp::kNever);
  EXPECT_EQ(all.jobs.rules.longest_lateness, std::chrono::hours(24));
  EXPECT_EQ(all.jobs.rules.time_limit, std::chrono::hours(1));
  EXPECT_EQ(all.jobs.rules.retries, 0);
  ASSERT_EQ(all.databases.size(), 4u);
  const DatabaseSettings& shop = all.databases[0];
  EXPECT_EQ(shop.name, "shop");
  EXPECT_EQ(shop.archives, std::vector<std::string>{"/backup/app"});
  EXPECT_EQ(shop.files, std::vector<std::string>{"/data/key"});
  EXPECT_EQ(shop.journal_mode, "wal");
  EXPECT_EQ(shop.recorder, minutes(5));
  EXPECT_EQ(shop.recorder_stall, std::chrono::seconds(2));
  EXPECT_EQ(shop.wal_limit_bytes, 4u << 20);
  EXPECT_EQ(shop.wal_ceiling_bytes, 64u << 20);
  EXPECT_EQ(shop.spool_bytes, 1u << 20);
  EXPECT_EQ(shop.keep.last, 5u);
  EXPECT_EQ(shop.keep.of(KeepPeriod::kDay)->count, 30u);
  EXPECT_EQ(shop.keep.max_bytes, 20'000'000'000u);
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
  EXPECT_EQ(all.of("/data/more/a.sqlite3"), &all.databases[3]);
  EXPECT_EQ(all.of("/data/more/a.db-wal"), nullptr);
  EXPECT_EQ(all.archive_of("/data/app.db"), "/backup/app");
  EXPECT_EQ(all.archive_of("/data/tenants/a.db"), "/backup/tenants/a.db");
  EXPECT_EQ(all.archive_of("/srv/one/app.db"), "/backup/srv/one/app.db");
  EXPECT_EQ(all.archive_of("/data/more/a.db"), "/data/more/a.db-archive");
}

TEST(Configuration, ADatabasesScheduleGoesBeforeThatOfAll) {
  const Configuration all = parse_configuration(R"(
[jobs]
daily = "0 3 * * *"
weekly = "0 4 * * 0"
[[database]]
path = "/data/app.db"
schedule.daily = "0 2 * * *"
schedule.weekly = "off"
schedule.monthly = "every 30d"
[[database]]
path = "/data/other.db"
)",
                                                "litewright.toml");
  const auto words = [&all](std::size_t database) {
    std::string text;
    for (const Job& job : jobs_of(all.jobs, all.databases[database]))
      text += job.name + "=" + job.schedule.text() + ";";
    return text;
  };
  EXPECT_EQ(words(0), "daily=0 2 * * *;monthly=every 30d;");
  EXPECT_EQ(words(1), "daily=0 3 * * *;weekly=0 4 * * 0;");
}

TEST(Configuration, ADatabaseMayHaveAZoneAndJitterOfItsOwn) {
  const Configuration all = parse_configuration(R"(
[jobs]
zone = "Europe/Berlin"
jitter = "10m"
daily = "0 3 * * *"
[[database]]
path = "/data/tokyo.db"
schedule.zone = "Asia/Tokyo"
schedule.jitter = "0s"
[[database]]
path = "/data/berlin.db"
)",
                                                "litewright.toml");
  const Job tokyo = jobs_of(all.jobs, all.databases[0]).at(0),
            berlin = jobs_of(all.jobs, all.databases[1]).at(0);
  const WallTime midnight = parse_time("2026-11-02T00:00:00Z", WallTime{});
  EXPECT_EQ(tokyo.schedule.next(midnight), parse_time("2026-11-02T18:00:00Z", WallTime{}));
  EXPECT_EQ(berlin.schedule.next(midnight), parse_time("2026-11-02T02:00:00Z", WallTime{}));
  EXPECT_EQ(tokyo.rules.jitter.count(), 0);
  EXPECT_EQ(berlin.rules.jitter, std::chrono::minutes(10));
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
        Bad{"[[database]]\nname = \"a\"\n", "x.toml:1: a database has a path, or a glob, or a directory", ""},
        Bad{"[serve]\nlog_format = \"xml\"\n", "x.toml:2: log_format is \"text\" or \"json\", not 'xml'", ""},
        Bad{"[jobs]\nat_once = 0\n", "x.toml:2: at_once is a whole number from 1", ""},
        Bad{"[jobs]\ndaily = \"0 25 * * *\"\n", "x.toml:2: daily: ", ""},
        Bad{"[jobs]\nat_once = 1\nzone = \"Europe/Atlantis\"\n",
            "x.toml:3: zone: no such time zone: Europe/Atlantis", "tzdata"},
        Bad{"[[database]]\npath = \"a\"\n[database.schedule]\ndaily = \"off\"\nzone = \"Asia/Atlantis\"\n",
            "x.toml:5: zone: ", ""},
        Bad{"[jobs]\njitter = \"soon\"\n", "x.toml:2: jitter: ", ""},
        Bad{"[[database]]\npath = \"a\"\nschedule.zone = \"Asia/Atlantis\"\n", "x.toml:3: ", ""},
        Bad{"[[database]]\npath = \"a\"\nschedule.jitter = \"soon\"\n", "x.toml:3: ", ""},
        Bad{"[[database]]\npath = \"a\"\nschedule.weekly = \"0 3 * * 9\"\n", "x.toml:3: weekly: ", ""},
        Bad{"[[database]]\npath = \"a\"\nwal_limit = \"2GiB\"\n", "x.toml:1: wal_ceiling", ""},
        Bad{"[[database]]\npath = \"a\"\narchive = [\"b\", \"c\"]\n", "x.toml:3: a database has one archive",
            ""},
        Bad{"[[database]]\npath = \"a\"\narchive = \"\"\n", "x.toml:3: archive: ", "folder"},
        Bad{"[[database]]\npath = \"a\"\narchive = [\"file://\"]\n", "x.toml:3: archive: ", "folder"},
        Bad{"[[database]]\npath = \"a\"\narchive = \"s3://b/c\"\n", "x.toml:3: archive: no driver for s3",
            "folder"},
        Bad{"[[database]]\nglob = \"*.db\"\nname = \"a\"\n", "x.toml:3: name is of one database", ""},
        Bad{"[[database]]\ndirectory = \"d\"\nname = \"a\"\n", "x.toml:3: name is of one database", ""},
        Bad{"[[database]]\npath = \"a\"\nbusy_hours = \"8-18\"\n", "x.toml:3: busy_hours: '8-18'",
            "08:00-18:00"},
        Bad{"[[alert]]\nsyslog = \"user\"\nquiet_hours = \"night\"\n", "x.toml:3: quiet_hours: 'night'",
            "08:00-18:00"},
        Bad{"[[database]]\npath = \"a\"\njournal_mode = \"wall\"\n",
            "x.toml:3: journal_mode: ", "wal, delete"},
        Bad{"[[database]]\npath = \"a\"\nhealth.url = \"foo\"\n", "x.toml:3: url: 'foo' is no address",
            "http://"},
        Bad{"[jobs]\ntime_limit = \"0s\"\n", "x.toml:2: time_limit: more than nothing", ""},
        Bad{"[[database]]\npath = \"a\"\nrecorder_stall = \"0s\"\n", "x.toml:3: recorder_stall: ", ""},
        Bad{"[[database]]\npath = \"a\"\nkeep.lasst = 1\n", "x.toml:3: unknown key 'lasst'",
            "did you mean last?"},
        Bad{"[[database]]\npath = \"a\"\nkeep.last = 0\n", "x.toml:3: --keep-last: ", ""},
        Bad{"[[database]\n", "x.toml:1: ", "TOML"},
        Bad{"[[alert]]\nname = \"a\"\n", "x.toml:1: an alert goes to a command, a webhook or syslog", ""},
        Bad{"[alert]\nsyslog = \"user\"\n", "x.toml:1: alert is written as [[alert]]", ""},
        Bad{"[[alert]]\nsyslog = \"user\"\nseverity = \"bad\"\n", "severity is info, warning or critical",
            ""},
        Bad{"[[alert]]\nsyslog = \"user\"\nquiet = \"x\"\n", "x.toml:3: unknown key 'quiet' in [alert]", ""},
        Bad{"[[alert]]\nsyslog = \"user\"\n[[alert.escalation]]\nsyslog = \"user\"\n",
            "x.toml:3: an escalation comes after", ""},
        Bad{"[[alert]]\nsyslog = \"user\"\nname = \"a\"\n[[alert]]\nsyslog = \"user\"\nname = \"a\"\n",
            "x.toml:4: two alerts are called 'a'", ""},
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

TEST(Configuration, WritesAJournalModeAsSqliteDoes) {
  const auto mode = [](const std::string& word) {
    return parse_configuration("[[database]]\npath = \"a\"\njournal_mode = \"" + word + "\"\n", "x.toml")
        .databases.at(0)
        .journal_mode;
  };
  EXPECT_EQ(mode("WAL"), "wal");
  EXPECT_EQ(mode("delete"), "delete");
  EXPECT_EQ(mode(""), "");
}

TEST(Configuration, AFileThatIsTooLargeIsAConfigurationThatIsWrong) {
  const TestFolder folder;
  std::ofstream(folder.path("x.toml")) << "# " << std::string(kMostConfigurationBytes, 'x') << "\n";
  EXPECT_EQ(code_of([&] { find_configuration(folder.path("x.toml")); }), ErrorCode::kConfig);
}

// Every comment that shows a key is taken away: the whole must be read, and mean this database.
std::string without_comment_signs(const std::string& text) {
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
