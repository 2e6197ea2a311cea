#include "serve/api_routes.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "base/file_descriptor.h"
#include "base/json_text.h"
#include "base/test_folder.h"
#include "serve/web_samples.h"

namespace litewright {
namespace {

using Json = nlohmann::json;

const std::string kToken = "0123456789abcdef0123";

// docs/openapi.json: whether an answer is what it says, and which keys of it were ever answered.
class Description {
 public:
  Description()
      : document_(parse_json(read_whole_file(LITEWRIGHT_SOURCE_DIR "/docs/openapi.json", 1 << 20))) {}

  const Json& paths() const { return document_["paths"]; }

  // The schema of an answer; null where it is not described.
  const Json* answer(const std::string& pattern, const std::string& method, const HttpAnswer& given) const {
    const Json& responses = paths()[pattern][method]["responses"];
    const std::string status = std::to_string(given.status);
    if (!responses.contains(status) || !responses[status]["content"].contains(given.type)) return nullptr;
    return &responses[status]["content"][given.type]["schema"];
  }

  // Empty where `value` is as `schema` says, with no key that is not described.
  std::string breach(const Json& schema, const Json& value, const std::string& where) {
    if (schema.contains("$ref")) {
      const std::string name = schema["$ref"].get<std::string>().substr(21);
      return breach(document_["components"]["schemas"][name], value, name);
    }
    if (schema.contains("allOf")) return breach(joined(schema["allOf"]), value, where);
    if (!is_of_type(schema, value)) return where + " is " + json_text(value);
    if (schema.contains("enum") && std::ranges::find(schema["enum"], value) == schema["enum"].end())
      return where + " may not be " + json_text(value);
    if (value.is_array() && schema.contains("items")) return breach_of_items(schema["items"], value, where);
    return value.is_object() ? breach_of_keys(schema, value, where) : "";
  }

  // Keys that are described and were never answered.
  std::set<std::string> unseen(const std::set<std::string>& not_here) const {
    std::set<std::string> keys;
    for (const auto& [name, schema] : document_["components"]["schemas"].items()) {
      if (not_here.contains(name) || !schema.contains("properties")) continue;
      for (const auto& [key, what] : schema["properties"].items()) keys.insert(name + "." + key);
    }
    for (const std::string& seen : seen_) keys.erase(seen);
    return keys;
  }

 private:
  Json joined(const Json& all) const {
    Json made = {{"type", "object"}, {"properties", Json::object()}, {"required", Json::array()}};
    for (const Json& part : all) {
      const bool named = part.contains("$ref");
      const Json& schema =
          named ? document_["components"]["schemas"][part["$ref"].get<std::string>().substr(21)] : part;
      made["properties"].update(schema["properties"]);
      for (const Json& key : schema["required"]) made["required"].push_back(key);
    }
    return made;
  }

  static bool is_of_type(const Json& schema, const Json& value) {
    if (!schema.contains("type")) return true;
    const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
    return std::ranges::any_of(types, [&value](const Json& type) {
      return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
             (type == "string" && value.is_string()) || (type == "integer" && value.is_number_integer()) ||
             (type == "number" && value.is_number()) || (type == "boolean" && value.is_boolean()) ||
             (type == "null" && value.is_null());
    });
  }

  std::string breach_of_items(const Json& schema, const Json& list, const std::string& where) {
    for (const Json& item : list) {
      if (auto found = breach(schema, item, where + "[]"); !found.empty()) return found;
    }
    return "";
  }

  std::string breach_of_keys(const Json& schema, const Json& value, const std::string& where) {
    const Json properties = schema.value("properties", Json::object());
    for (const Json& key : schema.value("required", Json::array())) {
      if (!value.contains(key.get<std::string>())) return where + " lacks " + json_text(key);
    }
    for (const auto& [key, content] : value.items()) {
      seen_.insert(where + "." + key);
      const bool any = schema.contains("additionalProperties");
      if (!properties.contains(key) && !any) return where + "." + key + " is not described";
      const Json& described = properties.contains(key) ? properties[key] : schema["additionalProperties"];
      if (auto found = breach(described, content, where + "." + key); !found.empty()) return found;
    }
    return "";
  }

  Json document_;
  std::set<std::string> seen_;
};

TEST(OpenApi, DescribesEveryRouteAndNoOther) {
  const Description description;
  WebSample web;
  std::set<std::string> described, answered;
  for (const auto& [path, methods] : description.paths().items()) {
    for (const auto& [method, operation] : methods.items()) described.insert(method + " " + path);
  }
  for (const HttpRoute& route : web.routes.all()) {
    std::string method = route.method;
    std::ranges::transform(method, method.begin(), [](unsigned char c) { return std::tolower(c); });
    answered.insert(method + " " + route.pattern);
    const Json& operation = description.paths()[route.pattern][method];
    EXPECT_EQ(operation["security"].empty(), route.need == RouteNeed::kNothing) << route.pattern;
    std::set<std::string> parameters;
    for (const Json& parameter : operation["parameters"]) {
      if (parameter["in"] == "query") parameters.insert(parameter["name"].get<std::string>());
    }
    EXPECT_EQ(route.parameters.has_value(), route.pattern.starts_with("/api/v1/")) << route.pattern;
    if (route.parameters) {
      EXPECT_EQ(std::set<std::string>(route.parameters->begin(), route.parameters->end()), parameters)
          << route.pattern;
    }
  }
  EXPECT_EQ(described, answered);
}

struct Question {
  const char *pattern, *target;
  int status = 200;
};

TEST(OpenApi, DescribesEveryKeyThatIsAnsweredAndNoOther) {
  Description description;
  WebSample web;
  web.board.tell("shop", FindingSource::kCheck, sample_finding("reader.long", Severity::kWarning, "pid 7"));
  web.board.set_findings("shop", FindingSource::kLook, {sample_finding("wal.large", Severity::kWarning)});
  web.run.findings =
      json_text(findings_to_json(std::vector{sample_finding("wal.large", Severity::kWarning)}));
  for (const Question& q : {Question{"/health/live", "/health/live"},
                            {"/health/live", "/health/live?format=health%2Bjson"},
                            {"/health/ready", "/health/ready?db=shop"},
                            {"/health/ready", "/health/ready", 503},
                            {"/health/ready", "/health/ready?format=health%2Bjson", 503},
                            {"/health/ready", "/health/ready?db=nobody", 404},
                            {"/health/startup", "/health/startup", 503},
                            {"/health/startup", "/health/startup?db=shop&format=health%2Bjson"},
                            {"/api/health/ready", "/api/health/ready", 503},
                            {"/api/health/ready", "/api/health/ready?db=shop"},
                            {"/health", "/health", 503},
                            {"/health", "/health?db=shop"},
                            {"/health", "/health?db=shop&format=health%2Bjson"},
                            {"/api/v1/databases", "/api/v1/databases"},
                            {"/api/v1/databases/{name}", "/api/v1/databases/shop"},
                            {"/api/v1/databases/{name}", "/api/v1/databases/nobody", 404},
                            {"/api/v1/databases/{name}/timeline", "/api/v1/databases/shop/timeline"},
                            {"/api/v1/findings", "/api/v1/findings?severity=warning"},
                            {"/api/v1/findings", "/api/v1/findings?severity=awful", 400},
                            {"/api/v1/findings", "/api/v1/findings?db=shop"},
                            {"/api/v1/findings", "/api/v1/findings?db=typo", 404},
                            {"/api/v1/events", "/api/v1/events?db=typo", 404},
                            {"/api/v1/runs", "/api/v1/runs?db=typo", 404},
                            {"/api/v1/runs", "/api/v1/runs?db=shop&job=daily&count=5"},
                            {"/api/v1/runs", "/api/v1/runs?count=1001", 400},
                            {"/api/v1/databases", "/api/v1/databases?db=shop", 400},
                            {"/api/v1/events", "/api/v1/events?since=7", 400},
                            {"/health/ready", "/health/ready?db=shop&probe=7"},
                            {"/api/v1/runs/{id}", "/api/v1/runs/7"},
                            {"/api/v1/runs/{id}", "/api/v1/runs/8", 404},
                            {"/api/v1/runs/{id}", "/api/v1/runs/x", 400},
                            {"/api/v1/databases/{name}/restore", "/api/v1/databases/shop/restore", 403}}) {
    const HttpAnswer answer = web.get(q.target);
    EXPECT_EQ(answer.status, q.status) << q.target;
    const Json* schema = description.answer(q.pattern, "get", answer);
    ASSERT_NE(schema, nullptr) << q.target << " " << answer.status << " " << answer.type;
    EXPECT_EQ(description.breach(*schema, parse_json(answer.body), q.target), "") << q.target;
  }
  WebSample beginning({}, WebSample::Board::kNotStarted);
  for (const char* target : {"/health/ready", "/health/startup", "/api/health/ready", "/health"}) {
    for (const char* format : {"", "?format=health%2Bjson"}) {
      const HttpAnswer answer = beginning.get(target + std::string(format));
      const Json* schema = description.answer(target, "get", answer);
      ASSERT_NE(schema, nullptr) << target << " " << answer.status << " " << answer.type;
      EXPECT_EQ(description.breach(*schema, parse_json(answer.body), target), "") << target;
    }
  }
  const HttpAnswer begun = web.ask({.method = "POST",
                                    .target = "/api/v1/databases/shop/jobs",
                                    .headers = {{"content-type", "application/json"}},
                                    .body = R"({"job":"daily"})",
                                    .from_loopback = true});
  ASSERT_EQ(begun.status, 202);
  const Json* schema = description.answer("/api/v1/databases/{name}/jobs", "post", begun);
  ASSERT_NE(schema, nullptr);
  EXPECT_EQ(description.breach(*schema, parse_json(begun.body), "job"), "");
  // What goes in, and what a command's own --json has: tests/e2e/http_test.py.
  EXPECT_EQ(description.unseen({"JobWish", "Timeline", "Locks"}), std::set<std::string>());
}

// A mistyped moment must not become the newest one.
TEST(Api, RefusesAParameterThatItDoesNotKnowOrThatIsEmpty) {
  WebSample web({.token = kToken});
  struct Case {
    const char *target, *detail, *hint;
  };
  for (const auto& [target, detail, hint] : std::vector<Case>{
           {"/api/v1/databases/shop/restore?txn=7", "unknown parameter 'txn'", "tx=..."},
           {"/api/v1/databases/shop/restore?bogus=1", "unknown parameter 'bogus'", "at, tx, point"},
           {"/api/v1/databases/shop/restore?tx=", "the parameter 'tx' has no value",
            "tx=..., or leave it out"},
           {"/api/v1/databases?a=b", "unknown parameter 'a'", "this address takes none"},
           {"/api/v1/databases/shop/timeline?all=1", "all: '1' is neither true nor false", ""}}) {
    const HttpAnswer answer =
        web.ask({.method = "GET", .target = target, .headers = {{"authorization", "Bearer " + kToken}}});
    EXPECT_EQ(answer.status, 400) << target;
    EXPECT_EQ(answer.type, "application/problem+json");
    EXPECT_EQ(parse_json(answer.body)["detail"], detail);
    EXPECT_EQ(parse_json(answer.body).value("hint", ""), hint);
  }
  EXPECT_TRUE(web.commands.empty());
  EXPECT_EQ(web.get("/metrics?collect=all").status, 401) << "first of all who may ask";
}

TEST(Api, BeginsAJobOnlyWhereTheBodyIsJsonThatNamesOne) {
  WebSample web;
  const auto post = [&web](const std::string& type, const std::string& body, const std::string& origin = "") {
    HttpRequest request = {.method = "POST",
                           .target = "/api/v1/databases/shop/jobs",
                           .headers = {{"content-type", type}},
                           .body = body,
                           .from_loopback = true};
    if (!origin.empty()) request.headers["origin"] = origin;
    return web.ask(request).status;
  };
  for (const char* type : {"text/plain", "application/jsonp", "", "application/json2; a=application/json"})
    EXPECT_EQ(post(type, R"({"job":"daily"})"), 415) << type;
  for (const char* body : {"", "{", "[]", "{}", R"({"job":7})", R"({"job":"daily","more":1})",
                           R"({"job":"x"})", R"({"job":"daily","job":"weekly"})",
                           R"({"job":"daily","\u006aob":"daily"})", R"({"job":{"a":"b"},"job":"daily"})"})
    EXPECT_EQ(post("application/json", body), 400) << body;
  EXPECT_EQ(post("application/json", R"({"job":"daily"})", "http://evil.example"), 403);
  EXPECT_TRUE(web.started.empty());
  EXPECT_EQ(post("application/json; charset=utf-8", R"({"job":"daily"})", "http://localhost:7070"), 202);
  EXPECT_EQ(web.started, (std::vector<std::pair<std::string, std::string>>{{"shop", "daily"}}));
  EXPECT_EQ(post("Application/JSON ;charset=utf-8", " { \"\\u006aob\" : \"daily\" } "), 202);
  EXPECT_EQ(post("application/json", R"({"job":"a\":b"})"), 400) << "no job is called that";
}

TEST(Api, AsksCommandsOfItsOwnAndHandsTheirErrorsOn) {
  using Words = std::vector<std::string>;
  WebSample web;
  EXPECT_EQ(web.get("/api/v1/databases/shop/timeline?all=true").body, web.command_result.output);
  EXPECT_EQ(web.commands.back(),
            (Words{"log", "/data/shop.db", "--json", "--archive", "/backup/shop", "--all"}));
  web.get("/api/v1/databases/shop/locks");
  EXPECT_EQ(web.commands.back(), (Words{"locks", "/data/shop.db", "--json"}));
  web.command_result = {.status = 66,
                        .output =
                            "{\"schema\":\"litewright/error/1\",\"status\":66,\"message\":\"no archive\","
                            "\"hint\":\"litewright backup\"}\n"};
  const HttpAnswer failed = web.get("/api/v1/databases/shop/timeline");
  EXPECT_EQ(failed.status, 404);
  EXPECT_EQ(parse_json(failed.body)["detail"], "no archive");
  EXPECT_EQ(parse_json(failed.body)["hint"], "litewright backup");
  web.command_result = {.status = 137, .over_time = true};
  EXPECT_EQ(web.get("/api/v1/databases/shop/locks").status, 500);
  web.command_result = {.status = 2, .output = "{}\n"};
  EXPECT_EQ(web.get("/api/v1/databases/shop/locks").status, 200) << "a verdict is no failure";
}

TEST(Api, SendsARestoredCopyThatHasNoNameAnyMore) {
  const TestFolder folder;
  WebSample web({.token = kToken});
  web.context.actions.restore_folder = folder.path("downloads");
  web.context.actions.run_own_command = [&web](const OwnCommand& command) {
    web.commands.push_back(command.words);
    std::ofstream(command.words.at(3)) << "restored bytes";
    return OwnCommandResult{.output = "{\"txid\":12,\"checksum\":\"abc\"}\n"};
  };
  const auto ask = [&web](const std::string& query) {
    return web.ask({.method = "GET",
                    .target = "/api/v1/databases/shop/restore" + query,
                    .headers = {{"authorization", "Bearer " + kToken}}});
  };
  const HttpAnswer answer = ask("?at=-15m");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(web.commands[0].back(), "--at=-15m");
  EXPECT_EQ(answer.type, "application/vnd.sqlite3");
  EXPECT_EQ(answer.file_bytes, 14u);
  char bytes[14] = {};
  EXPECT_EQ(::read(answer.file.get(), bytes, sizeof bytes), 14);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path("downloads"))) << "its room is not free after sending";
  EXPECT_EQ(ask("?at=-15m&tx=7").status, 400);
  web.context.actions.run_own_command = [](const OwnCommand&) { return OwnCommandResult{.status = 66}; };
  EXPECT_EQ(ask("?tx=9").status, 404);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path("downloads")));
}

TEST(Api, EndsWhatRunsForAnAnswerWhenTheDaemonStops) {
  WebSample web;
  web.context.actions.run_own_command = [&web](const OwnCommand& command) {
    EXPECT_FALSE(command.stop());
    web.context.stopping = true;
    EXPECT_TRUE(command.stop());
    return OwnCommandResult{.status = 130, .stopped = true};
  };
  EXPECT_EQ(web.get("/api/v1/databases/shop/locks").status, 409);
}

TEST(Api, RunsOnlyAFewCommandsAtOnce) {
  WebSample web;
  int deepest = 0, status = 0;
  web.context.actions.run_own_command = [&](const OwnCommand&) {
    if (++deepest < 5) status = web.get("/api/v1/databases/shop/locks").status;
    return OwnCommandResult{.output = "{}\n"};
  };
  EXPECT_EQ(web.get("/api/v1/databases/shop/locks").status, 200);
  EXPECT_EQ(deepest, 2);
  EXPECT_EQ(web.get("/api/v1/databases/shop/locks").status, 200) << "slots are given back";
}

}  // namespace
}  // namespace litewright
