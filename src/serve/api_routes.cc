#include "serve/api_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "schedule/run_json.h"
#include "serve/event_stream.h"
#include "serve/status_documents.h"

namespace litewright {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds kEndWithin{5};
constexpr std::size_t kDefaultRuns = 50, kMostRuns = 1000;
constexpr std::string_view kPrometheusType = "text/plain; version=0.0.4; charset=utf-8";

StatusBoard::Entry database_named(const std::string& name, const ApiContext& context) {
  StatusBoard::Entry entry = context.board.find(name);
  if (entry == nullptr) {
    throw Error(ErrorCode::kNoDatabase, fmt::format("no database is called {} here", name),
                "/api/v1/databases lists them");
  }
  return entry;
}

StatusBoard::Entry database_in(const HttpCall& call, const ApiContext& context) {
  return database_named(call.part("name"), context);
}

// A query parameter that is a whole number up to `most`; `fallback` where it is not given.
std::int64_t number_in(const std::string& text, std::string_view name, std::int64_t fallback,
                       std::int64_t most) {
  if (text.empty()) return fallback;
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc() && end == text.data() + text.size() && number > 0 && number <= most)
    return number;
  throw Error(ErrorCode::kUsage, fmt::format("{}: '{}' is no number from 1 to {}", name, text, most));
}

bool boolean_in(const std::string& text, std::string_view name) {
  if (text == "true") return true;
  if (text.empty() || text == "false") return false;
  throw Error(ErrorCode::kUsage, fmt::format("{}: '{}' is neither true nor false", name, text));
}

HttpAnswer made_later(std::function<HttpAnswer()> make) {
  HttpAnswer answer;
  answer.later = std::move(make);
  return answer;
}

HttpAnswer databases(const HttpCall&, const ApiContext& context) {
  return made_later([&context] {
    Json list = Json::array();
    for (const auto& entry : context.board.databases()) list.push_back(database_document(*entry));
    return json_answer(Json{{"databases", std::move(list)}});
  });
}

HttpAnswer one_database(const HttpCall& call, const ApiContext& context) {
  return json_answer(database_document(*database_in(call, context)));
}

Severity severity_in(const std::string& text) {
  if (text.empty()) return Severity::kInfo;
  for (const Severity severity : {Severity::kInfo, Severity::kWarning, Severity::kCritical}) {
    if (severity_name(severity) == text) return severity;
  }
  throw Error(ErrorCode::kUsage, fmt::format("severity is info, warning or critical, not '{}'", text));
}

void add_findings(Json& list, const std::string& name, const std::vector<Finding>& found, Severity least) {
  for (const Finding& finding : found) {
    if (finding.severity < least) continue;
    Json document = finding_to_json(finding);
    document["name"] = name;
    list.push_back(std::move(document));
  }
}

HttpAnswer findings(const HttpCall& call, const ApiContext& context) {
  const Severity least = severity_in(call.query("severity"));
  const std::string name = call.query("db");
  if (!name.empty()) database_named(name, context);
  return made_later([&context, least, name] {
    Json list = Json::array();
    if (name.empty()) add_findings(list, "", context.board.daemon_findings(), least);
    for (const auto& entry : context.board.databases()) {
      if (name.empty() || entry->name == name) add_findings(list, entry->name, entry->open_findings(), least);
    }
    return json_answer(Json{{"findings", std::move(list)}});
  });
}

// Who asked is gone when the daemon stops: what runs for the answer ends, too.
RunOwnCommand runner(const ApiContext& context) {
  return [&context](OwnCommand command) {
    command.stop = [&context] { return context.stopping.load(); };
    command.end_within = kEndWithin;
    return context.actions.run_own_command(command);
  };
}

// `words` are the command's, the database and --json among them.
HttpAnswer command_later(ApiContext& context, std::vector<std::string> words, std::chrono::seconds limit) {
  return made_later([&context, words = std::move(words), limit] {
    const CommandSlots::Slot slot(context.commands);
    return answer_of_command(runner(context), {.words = words, .time_limit = limit});
  });
}

HttpAnswer timeline(const HttpCall& call, ApiContext& context) {
  const StatusBoard::Entry entry = database_in(call, context);
  std::vector<std::string> words = {"log", entry->path, "--json"};
  if (!entry->archive.empty()) words.insert(words.end(), {"--archive", entry->archive});
  if (boolean_in(call.query("all"), "all")) words.emplace_back("--all");
  return command_later(context, std::move(words), std::chrono::minutes(2));
}

HttpAnswer locks(const HttpCall& call, ApiContext& context) {
  return command_later(context, {"locks", database_in(call, context)->path, "--json"},
                       std::chrono::seconds(30));
}

HttpAnswer runs(const HttpCall& call, const ApiContext& context) {
  RunHistory::Filter filter = {.job = call.query("job")};
  filter.most = static_cast<std::size_t>(number_in(call.query("count"), "count", kDefaultRuns, kMostRuns));
  if (const std::string name = call.query("db"); !name.empty())
    filter.database = database_named(name, context)->path;
  return made_later([&context, filter] {
    Json list = Json::array();
    for (const RunRecord& run : context.actions.runs(filter)) list.push_back(run_to_json(run));
    return json_answer(Json{{"runs", std::move(list)}});
  });
}

HttpAnswer one_run(const HttpCall& call, const ApiContext& context) {
  const std::int64_t id = number_in(call.part("id"), "id", 0, INT64_MAX);
  return made_later([&context, id] {
    const auto found = context.actions.run(id);
    if (!found) throw Error(ErrorCode::kNoDatabase, fmt::format("there is no run {}", id));
    return json_answer(run_to_json(*found));
  });
}

// Of JSON, at all depths: colons outside of strings. The parser keeps one of two equal keys in silence.
std::size_t count_keys(std::string_view json) {
  std::size_t keys = 0;
  bool in_string = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (in_string && json[at] == '\\')
      ++at;
    else if (json[at] == '"')
      in_string = !in_string;
    else if (!in_string && json[at] == ':')
      ++keys;
  }
  return keys;
}

// {"job": NAME} and nothing else.
std::string job_in(const HttpRequest& request) {
  const Json body = parse_ordered_json(request.body);
  if (body.is_object() && body.contains("job") && body["job"].is_string() && count_keys(request.body) == 1)
    return body["job"].get<std::string>();
  throw Error(ErrorCode::kUsage, "the body is not {\"job\": NAME}", R"({"job": "daily"})");
}

// "application/json" of "Application/JSON; charset=utf-8".
std::string media_type(std::string_view header) {
  std::string type(header.substr(0, header.find(';')));
  type.erase(type.find_last_not_of(" \t") + 1);
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
  return type;
}

HttpAnswer start_job(const HttpCall& call, const ApiContext& context) {
  // A foreign page can send a form without asking first, but not this type.
  if (media_type(call.request.header("content-type")) != "application/json")
    return problem(415, "the body must be JSON", "Content-Type: application/json");
  const StatusBoard::Entry entry = database_in(call, context);
  const std::string job = job_in(call.request);
  return made_later([&context, name = entry->name, job] {
    const std::int64_t run = context.actions.start_job(name, job);
    HttpAnswer answer = json_answer(Json{{"run", run}}, 202);
    answer.headers.emplace_back("Location", fmt::format("/api/v1/runs/{}", run));
    return answer;
  });
}

HttpAnswer restore(const HttpCall& call, ApiContext& context) {
  const StatusBoard::Entry entry = database_in(call, context);
  RestoreWish wish = {.path = entry->path, .archive = entry->archive, .name = entry->name};
  constexpr std::array<std::string_view, 3> kPoints = {"at", "tx", "point"};
  for (const std::string_view by : kPoints) {
    const std::string value = call.query(by);
    if (!value.empty()) wish.point.push_back(fmt::format("--{}={}", by, value));
  }
  if (wish.point.size() > 1) throw Error(ErrorCode::kUsage, "one of at, tx and point says what is restored");
  return made_later([&context, wish] {
    const CommandSlots::Slot slot(context.restores);
    return answer_of_restore(runner(context), wish, context.actions.restore_folder);
  });
}

HttpAnswer events(const HttpCall& call, const ApiContext& context) {
  const std::string name = call.query("db");
  // A daemon that has just begun knows no names yet, and a browser that is refused does not come again.
  if (!name.empty() && context.board.started()) database_named(name, context);
  HttpAnswer answer;
  answer.type = "text/event-stream";
  answer.headers.emplace_back("X-Accel-Buffering", "no");
  const std::string last(call.request.header("last-event-id"));
  answer.stream = std::make_unique<EventStream>(
      context.board, context.clock,
      EventStream::Options{.life = context.life, .last_id = last, .database = name});
  return answer;
}

HttpAnswer metrics(const HttpCall&, const ApiContext& context) {
  return made_later([&context] {
    HttpAnswer answer;
    answer.type = kPrometheusType;
    answer.body = context.actions.metrics();
    return answer;
  });
}

}  // namespace

std::vector<HttpRoute> api_routes(ApiContext& context) {
  using enum RouteNeed;
  const auto route = [&context](const std::string& method, const std::string& pattern, RouteNeed need,
                                const std::vector<std::string>& parameters, auto answer) {
    return HttpRoute{.method = method,
                     .pattern = pattern,
                     .need = need,
                     .parameters = parameters,
                     .answer = [&context, answer](const HttpCall& call) { return answer(call, context); }};
  };
  HttpRoute scraped = route("GET", "/metrics", kAsker, {}, metrics);
  scraped.parameters.reset();  // a scraper may send some of its own
  return {scraped,
          route("GET", "/api/v1/databases", kAsker, {}, databases),
          route("GET", "/api/v1/databases/{name}", kAsker, {}, one_database),
          route("GET", "/api/v1/databases/{name}/timeline", kAsker, {"all"}, timeline),
          route("GET", "/api/v1/databases/{name}/locks", kAsker, {}, locks),
          route("GET", "/api/v1/findings", kAsker, {"db", "severity"}, findings),
          route("GET", "/api/v1/runs", kAsker, {"db", "job", "count"}, runs),
          route("GET", "/api/v1/runs/{id}", kAsker, {}, one_run),
          route("GET", "/api/v1/events", kAsker, {"db"}, events),
          route("POST", "/api/v1/databases/{name}/jobs", kAsker, {}, start_job),
          route("GET", "/api/v1/databases/{name}/restore", kToken, {"at", "tx", "point"}, restore)};
}

}  // namespace litewright
