#include "base/finding.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace litewright {
namespace {

Finding pinned_wal() {
  return {.id = "wal.pinned",
          .severity = Severity::kCritical,
          .database = "app.db",
          .object = "reader 4711",
          .figures = {{"wal_bytes", std::int64_t{1'200'000'000}},
                      {"age_seconds", 180.0},
                      {"ratio", 1.5},
                      {"command", std::string("python3 app.py")},
                      {"readers", std::int64_t{1}}},
          .meaning = "a reader has pinned the WAL",
          .remedy = "litewright locks app.db"};
}

TEST(Finding, JsonHasEveryKeyInOrderAndFiguresAsTheyAre) {
  EXPECT_EQ(json_text(finding_to_json(pinned_wal())),
            R"({"id":"wal.pinned","severity":"critical","database":"app.db","object":"reader 4711",)"
            R"("figures":{"wal_bytes":1200000000,"age_seconds":180.0,"ratio":1.5,)"
            R"("command":"python3 app.py","readers":1},)"
            R"("meaning":"a reader has pinned the WAL","remedy":"litewright locks app.db"})");
  EXPECT_EQ(json_text(finding_to_json(Finding{})),
            R"({"id":"","severity":"ok","database":"","object":"","figures":{},"meaning":"","remedy":""})");
}

TEST(Finding, TextShowsSizesAndDurationsForPeople) {
  EXPECT_EQ(
      finding_to_text(pinned_wal()),
      "critical  wal.pinned  app.db reader 4711\n"
      "          a reader has pinned the WAL (wal 1.2 GB, age 3 min, ratio 1.5, command python3 app.py, "
      "readers 1)\n"
      "          run: litewright locks app.db\n");
}

TEST(Finding, ExitStatusFollowsTheWorst) {
  struct Case {
    std::vector<Severity> severities;
    int status;
  };
  const std::vector<Case> cases = {
      {{}, 0},
      {{Severity::kOk, Severity::kInfo}, 0},
      {{Severity::kWarning, Severity::kInfo}, 1},
      {{Severity::kOk, Severity::kCritical, Severity::kWarning}, 2},
  };
  for (const Case& c : cases) {
    std::vector<Finding> findings;
    for (const Severity severity : c.severities) {
      Finding finding;
      finding.severity = severity;
      findings.push_back(finding);
    }
    EXPECT_EQ(exit_status(findings), c.status);
  }
}

TEST(Finding, ComesBackFromJsonAsItWas) {
  const Finding finding{.id = "wal.large",
                        .severity = Severity::kCritical,
                        .database = "/data/app.db",
                        .object = "reader",
                        .figures = {{"wal_bytes", std::int64_t{7}}, {"share", 0.5}, {"who", "me"}},
                        .meaning = "it is large",
                        .remedy = "litewright locks /data/app.db"};
  const auto json = finding_to_json(finding);
  const auto back = finding_from_json(json);
  ASSERT_TRUE(back);
  EXPECT_EQ(finding_to_json(*back), json);
  for (const char* none : {"[]", "{}", "7", R"({"id": "x", "severity": "bad"})", R"({"id": 1})"})
    EXPECT_FALSE(finding_from_json(parse_ordered_json(none))) << none;
}

}  // namespace
}  // namespace litewright
