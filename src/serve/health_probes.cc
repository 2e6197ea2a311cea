#include "serve/health_probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/shell_words.h"
#include "operate/health_formats.h"
#include "serve/status_documents.h"

namespace litewright {
namespace {

using Entries = std::vector<StatusBoard::Entry>;
using Json = nlohmann::ordered_json;

constexpr std::string_view kHealthJson = "application/health+json";

bool wants_health_json(const HttpCall& call) {
  const std::string format = call.query("format");
  // A plus in a query is a blank.
  return format == "health+json" || format == "health json" ||
         call.request.header("accept").find(kHealthJson) != std::string_view::npos;
}

// The databases that the call asks about: ?db=NAME, else all.
Entries asked_about(const HttpCall& call, const StatusBoard& board) {
  const std::string name = call.query("db");
  if (name.empty()) return board.databases();
  StatusBoard::Entry entry = board.find(name);
  if (entry == nullptr) {
    throw Error(ErrorCode::kNoDatabase, fmt::format("no database is called {} here", name),
                "/api/v1/databases lists them");
  }
  return {entry};
}

// `severity` as far as probes go: an unusable database is critical whether or not a finding says so yet.
Severity severity_of(const DatabaseStatus& status) {
  return is_unusable(status) ? Severity::kCritical : status.worst();
}

Severity severity_of(const Entries& entries) {
  Severity worst = Severity::kOk;
  for (const auto& entry : entries) worst = std::max(worst, severity_of(*entry));
  return worst;
}

int probe_status(Severity severity) { return severity == Severity::kCritical ? 503 : 200; }

std::string description(const Entries& entries, Severity worst) {
  if (entries.size() == 1) return fmt::format("{}: {}", entries[0]->name, severity_name(worst));
  return fmt::format("{} databases: {}", entries.size(), severity_name(worst));
}

// What the database's own document would not say: why it is unusable before any check said so.
std::optional<Finding> unusable_finding(const DatabaseStatus& status) {
  if (!is_unusable(status) || status.worst() == Severity::kCritical) return std::nullopt;
  Finding finding = {.id = "database.unusable", .severity = Severity::kCritical, .database = status.name};
  finding.meaning = !status.looked_at ? "not looked at yet"
                    : !status.exists  ? "Database file does not exist"
                                      : status.unwritable;
  finding.remedy = "litewright check " + shell_quoted(status.path);
  return finding;
}

HttpAnswer health_document(const HttpCall& call, const Entries& entries, Severity worst) {
  HttpAnswer answer =
      json_answer(Json{{"status", pass_warn_fail(worst)}, {"version", "1"}}, probe_status(worst));
  answer.type = kHealthJson;
  if (!call.may_ask) return answer;
  std::vector<HealthReport> reports;
  for (const auto& entry : entries) {
    reports.push_back(health_of(*entry));
    if (auto finding = unusable_finding(*entry)) reports.back().findings.push_back(std::move(*finding));
  }
  answer.body = health_to_health_json(reports, description(entries, worst));
  return answer;
}

// A daemon that does not know its databases yet knows of nothing wrong: that is no health.
std::optional<HttpAnswer> not_started(const HttpCall& call, const StatusBoard& board, Json document) {
  if (board.started()) return std::nullopt;
  const bool health_json = wants_health_json(call);
  if (health_json) document = {{"status", "fail"}, {"version", "1"}};
  document[health_json ? "output" : "reason"] =
      "litewright serve has just begun: its databases are not known yet";
  HttpAnswer answer = json_answer(document, 503);
  if (health_json) answer.type = kHealthJson;
  return answer;
}

HttpAnswer live(const HttpCall& call) {
  HttpAnswer answer = json_answer(Json{{"status", "pass"}});
  if (wants_health_json(call)) answer.type = kHealthJson;
  return answer;
}

HttpAnswer ready(const HttpCall& call, const StatusBoard& board) {
  if (auto early = not_started(call, board, {{"status", "fail"}})) return std::move(*early);
  const Entries entries = asked_about(call, board);
  const Severity worst = severity_of(entries);
  if (wants_health_json(call)) return health_document(call, entries, worst);
  Json document = {{"status", pass_warn_fail(worst)}};
  if (call.may_ask) {
    Json names = Json::array();
    for (const auto& entry : entries) {
      if (severity_of(*entry) == Severity::kCritical) names.push_back(entry->name);
    }
    document["databases"] = entries.size();
    document["critical"] = names;
  }
  return json_answer(document, probe_status(worst));
}

// Once every database was looked at and its guard has begun, or has said why it can't.
HttpAnswer startup(const HttpCall& call, const StatusBoard& board) {
  if (auto early = not_started(call, board, {{"status", "fail"}})) return std::move(*early);
  const Entries entries = asked_about(call, board);
  const auto begun = std::ranges::count_if(entries, [](const auto& entry) {
    return entry->looked_at.has_value() && entry->guard != GuardState::kStarting;
  });
  const bool all = static_cast<std::size_t>(begun) == entries.size();
  Json document = {{"status", all ? "pass" : "fail"}};
  if (call.may_ask) {
    document["databases"] = entries.size();
    document["begun"] = begun;
  }
  HttpAnswer answer = json_answer(document, all ? 200 : 503);
  if (wants_health_json(call)) answer.type = kHealthJson;
  return answer;
}

// Seed 000's: of one database.
HttpAnswer file_ready(const HttpCall& call, const StatusBoard& board) {
  if (auto early = not_started(call, board, {{"status", "fail"}, {"exists", false}, {"writable", false}}))
    return std::move(*early);
  const Entries entries = asked_about(call, board);
  const Severity worst = severity_of(entries);
  if (wants_health_json(call)) return health_document(call, entries, worst);
  const StatusBoard::Entry entry = worst_of(entries);
  const bool fails = entry == nullptr || worst == Severity::kCritical;
  Json document = {{"status", fails ? "fail" : "ok"}};
  if (entry != nullptr) {
    document["exists"] = entry->exists;
    document["writable"] = entry->writable;
  }
  if (entry != nullptr && call.may_ask) {
    document["path"] = entry->path;
    document["database"] = entry->name;
    document["severity"] = severity_name(severity_of(*entry));
  }
  return json_answer(document, fails ? 503 : 200);
}

// Seed 003's.
HttpAnswer connected(const HttpCall& call, const StatusBoard& board) {
  if (auto early = not_started(call, board, {{"status", "unhealthy"}, {"database", "disconnected"}}))
    return std::move(*early);
  const Entries entries = asked_about(call, board);
  const Severity worst = severity_of(entries);
  if (wants_health_json(call)) return health_document(call, entries, worst);
  const bool fails = worst == Severity::kCritical;
  const bool gone = std::ranges::any_of(entries, [](const auto& entry) { return is_unusable(*entry); });
  return json_answer(
      Json{{"status", fails ? "unhealthy" : "healthy"}, {"database", gone ? "disconnected" : "connected"}},
      fails ? 503 : 200);
}

}  // namespace

std::vector<HttpRoute> probe_routes(const StatusBoard& board) {
  const auto probe = [&board](std::string pattern,
                              HttpAnswer (*answer)(const HttpCall&, const StatusBoard&)) {
    return HttpRoute{.method = "GET",
                     .pattern = std::move(pattern),
                     .need = RouteNeed::kNothing,
                     .answer = [&board, answer](const HttpCall& call) { return answer(call, board); }};
  };
  return {{.method = "GET", .pattern = "/health/live", .need = RouteNeed::kNothing, .answer = live},
          probe("/health/ready", ready),
          probe("/health/startup", startup),
          probe("/api/health/ready", file_ready),
          probe("/health", connected)};
}

}  // namespace litewright
