#include "serve/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "serve/web_samples.h"

namespace litewright {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, SayWhatTheBoardKnows) {
  const SteppedClock clock;
  StatusBoard board(clock);
  fill_board(board, clock);
  for (const char* object : {"pid 7", "pid 8"})
    board.tell("shop", FindingSource::kCheck, sample_finding("wal.pinned", Severity::kWarning, object));
  const std::string text =
      metrics_text({.version = "1.2.3", .databases = board.databases(), .http_requests = 5});
  for (const char* line :
       {"litewright_build_info{version=\"1.2.3\"} 1", "litewright_databases 2",
        "litewright_http_requests_total 5", "litewright_guard_following{database=\"shop\"} 1",
        "litewright_guard_following{database=\"tenants\"} 0", "litewright_database_up{database=\"shop\"} 1",
        "litewright_database_up{database=\"tenants\"} 0", "litewright_captured_txid{database=\"shop\"} 12",
        "litewright_archived_txid{database=\"shop\"} 11", "litewright_commits_total{database=\"shop\"} 5",
        "litewright_wal_bytes{database=\"shop\"} 120", "litewright_disk_used_ratio{database=\"shop\"} 0.75",
        "litewright_archived_timestamp_seconds{database=\"shop\"} 1795932000",
        "litewright_archived_timestamp_seconds{database=\"tenants\"} 0",
        "litewright_findings{database=\"shop\",severity=\"warning\"} 2",
        "litewright_findings{database=\"shop\",severity=\"critical\"} 0",
        "litewright_finding{database=\"shop\",id=\"wal.pinned\",severity=\"warning\"} 2"}) {
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  }
  EXPECT_EQ(text.find("litewright_wal_bytes{database=\"tenants\"}"), std::string::npos)
      << "it was not seen yet";
}

TEST(Metrics, CountFromTheArchivesBeginningWhereNothingWasCheckedOrProvenYet) {
  const SteppedClock clock;
  StatusBoard board(clock);
  board.join("new", [](DatabaseStatus& status) {
    status.archive_began = WallTime(std::chrono::seconds(1000));
    status.checked_at = WallTime(std::chrono::seconds(2000));
  });
  board.join("unknown", [&clock](DatabaseStatus& status) { status.looked_at = clock.wall(); });
  const std::string text = metrics_text({.databases = board.databases()});
  EXPECT_TRUE(has_line(text, "litewright_check_timestamp_seconds{database=\"new\"} 2000")) << text;
  EXPECT_TRUE(has_line(text, "litewright_proof_timestamp_seconds{database=\"new\"} 1000")) << text;
  for (const char* figure : {"check_timestamp_seconds", "proof_timestamp_seconds", "free_disk_bytes"})
    EXPECT_EQ(text.find(std::string(figure) + "{database=\"unknown\"}"), std::string::npos) << text;
}

TEST(Metrics, TellTheLastRunOfEachJobAndWhenItLastSucceeded) {
  const WebSample web;
  RunRecord failed = web.run;
  failed.result = RunResult::kOverTime;
  failed.began += std::chrono::hours(24);
  failed.ended = failed.began + std::chrono::seconds(60);
  RunRecord foreign = web.run;
  foreign.database = "/elsewhere.db";
  const std::string text =
      metrics_text({.databases = web.board.databases(), .runs = {failed, foreign, web.run}});
  for (const char* line : {"litewright_job_last_failed{database=\"shop\",job=\"daily\"} 1",
                           "litewright_job_last_duration_seconds{database=\"shop\",job=\"daily\"} 60",
                           "litewright_job_last_success_timestamp_seconds{database=\"shop\",job=\"daily\"} "
                           "1795932003"}) {
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  }
  EXPECT_EQ(text.find("elsewhere"), std::string::npos);
}

// What promtool check metrics asks for; it runs itself in tests/e2e/http_test.py.
TEST(Metrics, AreNamedAsPrometheusWantsThem) {
  const WebSample web;
  const std::string text = metrics_text(
      {.version = "1", .databases = web.board.databases(), .runs = {web.run}, .process = own_figures()});
  const std::regex type("# TYPE (\\S+) (\\S+)");
  for (auto it = std::sregex_iterator(text.begin(), text.end(), type); it != std::sregex_iterator(); ++it) {
    const std::string name = (*it)[1];
    EXPECT_TRUE(name.starts_with("litewright_") || name.starts_with("process_")) << name;
    EXPECT_EQ(name.ends_with("_total"), (*it)[2] == "counter") << name;
    const std::string help = "# HELP " + name + " ";
    EXPECT_NE(text.find(help), std::string::npos) << name;
    EXPECT_EQ(text.find(help), text.rfind(help)) << name << " is there twice";
  }
}

TEST(Metrics, KnowThisProcess) {
  const auto figures = own_figures();
  ASSERT_TRUE(figures);
  EXPECT_GT(figures->resident_bytes, 1e6);
  EXPECT_GT(figures->open_descriptors, 2);
  const auto now = std::chrono::duration<double>(SystemClock().wall().time_since_epoch()).count();
  EXPECT_NEAR(figures->start_time_seconds, now, 86400);
}

}  // namespace
}  // namespace litewright
