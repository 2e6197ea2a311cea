#include "serve/health_probes.h"

#include <gtest/gtest.h>

#include "base/json_text.h"
#include "serve/web_samples.h"

namespace litewright {
namespace {

using Json = nlohmann::json;

Json body_of(const HttpAnswer& answer) { return parse_json(answer.body); }

TEST(HealthProbes, LivenessIsAnsweredWhateverTheDatabasesDo) {
  WebSample web;
  EXPECT_EQ(web.get("/health/live").status, 200);
  EXPECT_EQ(body_of(web.get("/health/live")), Json({{"status", "pass"}}));
  EXPECT_EQ(web.get("/health/ready").status, 503);
}

TEST(HealthProbes, ReadinessFailsForOneDatabaseThatCannotBeUsed) {
  WebSample web;
  EXPECT_EQ(web.get("/health/ready?db=shop").status, 200);
  EXPECT_EQ(web.get("/health/ready?db=tenants").status, 503);
  const HttpAnswer all = web.get("/health/ready");
  EXPECT_EQ(all.status, 503);
  EXPECT_EQ(body_of(all)["critical"], Json::array({"tenants"}));
  EXPECT_EQ(web.get("/health/ready?db=other").status, 404);
}

TEST(HealthProbes, AWarningIsReadyAndACriticalFindingIsNot) {
  WebSample web;
  web.board.tell("shop", FindingSource::kCheck, sample_finding("wal.pinned", Severity::kWarning));
  EXPECT_EQ(web.get("/health/ready?db=shop").status, 200);
  EXPECT_EQ(body_of(web.get("/health/ready?db=shop"))["status"], "warn");
  web.board.tell("shop", FindingSource::kCheck, sample_finding("wal.pinned", Severity::kCritical));
  EXPECT_EQ(web.get("/health/ready?db=shop").status, 503);
  EXPECT_EQ(body_of(web.get("/health/ready?db=shop"))["status"], "fail");
  web.board.tell("shop", FindingSource::kCheck, sample_finding("wal.pinned", Severity::kOk));
  EXPECT_EQ(body_of(web.get("/health/ready?db=shop"))["status"], "pass");
}

TEST(HealthProbes, StartupIsOverWhenEveryGuardHasBegun) {
  WebSample web;
  EXPECT_EQ(web.get("/health/startup").status, 503);
  EXPECT_EQ(body_of(web.get("/health/startup"))["begun"], 1);
  web.board.update("tenants", [&](DatabaseStatus& status) {
    status.guard = GuardState::kWaiting;
    status.looked_at = web.clock.wall();
  });
  EXPECT_EQ(web.get("/health/startup").status, 200);
}

TEST(HealthProbes, TheRunbooksAnswerSaysWhetherTheFileIsThereAndWritable) {
  WebSample web;
  const Json good = body_of(web.get("/api/health/ready?db=shop"));
  EXPECT_EQ(good["status"], "ok");
  EXPECT_EQ(good["exists"], true);
  EXPECT_EQ(good["writable"], true);
  EXPECT_EQ(good["path"], "/data/shop.db");
  web.board.update("shop", [](DatabaseStatus& status) { status.writable = false; });
  const HttpAnswer answer = web.get("/api/health/ready?db=shop");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(body_of(answer)["status"], "fail");
  EXPECT_EQ(body_of(answer)["writable"], false);
}

TEST(HealthProbes, WithoutANameTheWorstIsTold) {
  WebSample web;
  EXPECT_EQ(body_of(web.get("/api/health/ready"))["database"], "tenants");
  EXPECT_EQ(web.get("/health").status, 503);
  EXPECT_EQ(body_of(web.get("/health")), Json({{"status", "unhealthy"}, {"database", "disconnected"}}));
  EXPECT_EQ(body_of(web.get("/health?db=shop")), Json({{"status", "healthy"}, {"database", "connected"}}));
}

TEST(HealthProbes, SpeakHealthJsonToWhoAsksForIt) {
  WebSample web;
  web.board.tell("shop", FindingSource::kCheck, sample_finding("reader.long", Severity::kWarning, "pid 7"));
  web.board.set_findings("shop", FindingSource::kLook, {sample_finding("wal.large", Severity::kWarning)});
  const HttpAnswer answer = web.ask({.method = "GET",
                                     .target = "/health?db=shop",
                                     .headers = {{"accept", "application/health+json, */*"}},
                                     .from_loopback = true});
  EXPECT_EQ(answer.type, "application/health+json");
  const Json document = body_of(answer);
  EXPECT_EQ(document["status"], "warn");
  EXPECT_EQ(document["checks"]["shop:wal"][0]["observedValue"], 120.0);
  EXPECT_EQ(document["checks"]["shop:wal"][0]["status"], "warn");
  EXPECT_EQ(document["checks"]["shop:disk-used"][0]["observedValue"], 75.0);
  EXPECT_EQ(document["checks"]["shop:reader.long"][0]["componentId"], "pid 7");
  const HttpAnswer all = web.get("/health/ready?format=health+json");
  EXPECT_EQ(all.status, 503);
  EXPECT_EQ(body_of(all)["status"], "fail");
  EXPECT_EQ(body_of(all)["checks"]["tenants:database.unusable"][0]["output"], "not looked at yet");
}

TEST(HealthProbes, SayWhyNothingCanBeWritten) {
  WebSample web;
  web.board.update("shop", [](DatabaseStatus& status) {
    status.writable = false;
    status.unwritable = "Database folder is not writable";
  });
  const HttpAnswer answer = web.get("/health/ready?db=shop&format=health+json");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(body_of(answer)["checks"]["shop:database.unusable"][0]["output"],
            "Database folder is not writable");
}

TEST(HealthProbes, FailUntilTheDaemonKnowsItsDatabases) {
  WebSample web({}, WebSample::Board::kNotStarted);
  for (const char* target : {"/health/ready", "/health/startup", "/health", "/api/health/ready",
                             "/health/ready?db=shop", "/health?format=health+json"}) {
    const HttpAnswer answer = web.get(target);
    const Json body = body_of(answer);
    EXPECT_EQ(answer.status, 503) << target;
    EXPECT_TRUE(body.contains("reason") || body.contains("output")) << target << answer.body;
    EXPECT_NE(body["status"], "pass") << target;
  }
  EXPECT_EQ(body_of(web.get("/health"))["database"], "disconnected");
  EXPECT_EQ(web.get("/health/live").status, 200);
  web.board.mark_started();
  for (const char* target : {"/health/ready", "/health/startup", "/health"})
    EXPECT_EQ(web.get(target).status, 200) << target;
}

TEST(HealthProbes, TellWhoHasNoTokenTheStatusAlone) {
  WebSample web({.token = "0123456789abcdef0123"});
  for (const char* target : {"/health/ready", "/health/startup", "/api/health/ready",
                             "/health/ready?format=health+json", "/health?format=health+json"}) {
    const std::string body = web.get(target).body;
    EXPECT_EQ(body.find("tenants"), std::string::npos) << target << body;
    EXPECT_EQ(body.find("/data"), std::string::npos) << target << body;
  }
}

}  // namespace
}  // namespace litewright
