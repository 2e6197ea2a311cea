#include "check/thresholds.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace litewright {
namespace {

constexpr double kMega = 1e6, kGiga = 1e9, kHour = 3600, kDay = 86400;

struct Row {
  const char* name;
  double figure;
  Severity severity;
};

// The metric table of the queue's runbook, the limits of the morning check, and those in use elsewhere: at
// the limit all is well, beyond it not.
const std::vector<Row> kRows = {
    {"size", 500 * kMega - 1, Severity::kOk},
    {"size", 500 * kMega, Severity::kOk},
    {"size", 500 * kMega + 1, Severity::kWarning},
    {"size", kGiga, Severity::kWarning},
    {"size", kGiga + 1, Severity::kCritical},
    {"wal", 50 * kMega, Severity::kOk},
    {"wal", 50 * kMega + 1, Severity::kWarning},
    {"wal", 100 * kMega, Severity::kWarning},
    {"wal", 100 * kMega + 1, Severity::kCritical},
    {"free-pages", 10, Severity::kOk},
    {"free-pages", 10.1, Severity::kWarning},
    {"free-pages", 20, Severity::kWarning},
    {"free-pages", 20.1, Severity::kCritical},
    {"free-disk", 10 * kGiga, Severity::kOk},
    {"free-disk", 10 * kGiga - 1, Severity::kWarning},
    {"free-disk", 5 * kGiga, Severity::kWarning},
    {"free-disk", 5 * kGiga - 1, Severity::kCritical},
    {"disk-used", 80, Severity::kOk},
    {"disk-used", 80.1, Severity::kWarning},
    {"disk-used", 95, Severity::kWarning},
    {"disk-used", 95.1, Severity::kCritical},
    {"disk-full-in", 7 * kDay, Severity::kOk},
    {"disk-full-in", 7 * kDay - 1, Severity::kWarning},
    {"disk-full-in", kDay, Severity::kWarning},
    {"disk-full-in", kDay - 1, Severity::kCritical},
    {"backup-age", kDay, Severity::kOk},
    {"backup-age", kDay + 1, Severity::kWarning},
    {"backup-age", 2 * kDay, Severity::kWarning},
    {"backup-age", 2 * kDay + 1, Severity::kCritical},
    {"proof-age", 30 * kDay, Severity::kOk},
    {"proof-age", 30 * kDay + 1, Severity::kWarning},
    {"proof-age", 900 * kDay, Severity::kWarning},
    {"reader-age", 60, Severity::kOk},
    {"reader-age", 61, Severity::kWarning},
    {"reader-age", 600, Severity::kWarning},
    {"reader-age", 601, Severity::kCritical},
    {"analyze-age", 30 * kDay, Severity::kOk},
    {"analyze-age", 30 * kDay + 1, Severity::kWarning},
    {"clock-ahead", 60, Severity::kOk},
    {"clock-ahead", 61, Severity::kWarning},
    {"clock-ahead", kHour, Severity::kWarning},
    {"clock-ahead", kHour + 1, Severity::kCritical},
    {"size-min", 0, Severity::kOk},
};

TEST(Thresholds, JudgeAtBelowAndAboveEachLimit) {
  for (const Row& row : kRows) {
    const auto findings = judge({{row.name, row.figure}}, Thresholds(), "app.db");
    ASSERT_LE(findings.size(), 1u);
    EXPECT_EQ(worst_severity(findings), row.severity) << row.name << " at " << row.figure;
    if (!findings.empty()) {
      EXPECT_EQ(findings[0].id, find_threshold(row.name)->id);
    }
  }
}

TEST(Thresholds, HaveARowInThisTableEach) {
  for (const ThresholdRule& rule : threshold_rules()) {
    const auto of_rule = [&rule](const Row& row) { return row.name == rule.name; };
    EXPECT_TRUE(std::any_of(kRows.begin(), kRows.end(), of_rule)) << rule.name;
  }
}

TEST(Thresholds, AreSetInTheWordsOfTheCommandLine) {
  Thresholds thresholds;
  thresholds.set("wal", "200MB,400MB");
  thresholds.set("size-min", "1MB,off");
  thresholds.set("free-pages", "25%, off");
  thresholds.set("size", "off");
  EXPECT_EQ(thresholds.of("wal").critical, 400 * kMega);
  const auto judged = [&](const char* name, double figure) {
    return worst_severity(judge({{name, figure}}, thresholds, "app.db"));
  };
  EXPECT_EQ(judged("wal", 200 * kMega), Severity::kOk);
  EXPECT_EQ(judged("wal", 300 * kMega), Severity::kWarning);
  EXPECT_EQ(judged("size-min", 999'999), Severity::kWarning);
  EXPECT_EQ(judged("size-min", kMega), Severity::kOk);
  EXPECT_EQ(judged("free-pages", 99), Severity::kWarning);
  EXPECT_EQ(judged("size", 1e15), Severity::kOk);
}

TEST(Thresholds, RefuseWhatIsNoLimitAndSayWhy) {
  struct Bad {
    const char *name, *limits, *says;
  };
  for (const Bad& bad :
       {Bad{"wall", "1,2", "no threshold 'wall'"}, Bad{"wal", "200MB", "not two limits"},
        Bad{"wal", "2MB,1MB", "before the warning"}, Bad{"free-disk", "1GB,2GB", "before the warning"},
        Bad{"free-pages", "x,1", "not a percentage"}, Bad{"disk-used", "-1,5", "not a percentage"}}) {
    try {
      Thresholds().set(bad.name, bad.limits);
      ADD_FAILURE() << bad.name << "=" << bad.limits << " was taken";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(bad.says), std::string::npos) << error.what();
    }
  }
}

TEST(Thresholds, FindingsNameFigureAndLimitAndTheDatabaseInTheRemedy) {
  const auto findings = judge({{"wal", 120 * kMega}}, Thresholds(), "data/app.db");
  ASSERT_EQ(findings.size(), 1u);
  ASSERT_EQ(findings[0].figures.size(), 2u);
  EXPECT_EQ(findings[0].figures[0].name, "wal_bytes");
  EXPECT_EQ(std::get<std::int64_t>(findings[0].figures[0].value), 120'000'000);
  EXPECT_EQ(std::get<std::int64_t>(findings[0].figures[1].value), 100'000'000);
  EXPECT_EQ(findings[0].remedy, "litewright locks data/app.db");
}

}  // namespace
}  // namespace litewright
