#include "serve/web_service.h"

#include <fmt/format.h>

#include <filesystem>
#include <thread>

#include "base/error.h"
#include "schedule/run_history.h"
#include "serve/health_probes.h"
#include "serve/metrics.h"

namespace litewright {
namespace {

constexpr std::chrono::milliseconds kLookForRun{50}, kPatienceForRun{5000};

// None where the history can't be read: that is a finding (jobs.history), and what the guards say counts
// more.
std::vector<RunRecord> last_runs(const std::string& state_folder, const Clock& clock) {
  try {
    return RunHistory(state_folder, clock).last_of_each();
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

AccessRules access_rules(const HttpSettings& settings) {
  AccessRules rules = {.hosts = settings.hosts};
  if (!settings.token_file.empty()) rules.token = read_token(settings.token_file);
  require_safe_listening(parse_listen_address(settings.listen), rules);
  return rules;
}

// The run that was asked for begins within moments, unless others are before it.
std::optional<std::int64_t> WebService::start_job(const std::string& name, const std::string& job,
                                                  const AskForJob& ask) const {
  const StatusBoard::Entry entry = context_.board.find(name);
  const std::string path = entry ? entry->path : "";
  RunHistory history(options_.state_folder, context_.clock);
  const auto newest = [&] {
    const auto runs = history.newest({.job = job, .database = path, .most = 1});
    return runs.empty() ? std::int64_t{0} : runs[0].id;
  };
  const std::int64_t before = newest();
  ask(name, job);
  for (auto waited = kLookForRun; waited < kPatienceForRun; waited += kLookForRun) {
    std::this_thread::sleep_for(kLookForRun);
    if (const std::int64_t now = newest(); now > before) return now;
  }
  return std::nullopt;
}

WebActions WebService::actions_with(RunOwnCommand run_own_command, AskForJob ask_for_job) {
  // A connection of its own for each question: threads share none.
  const auto history = [this] { return RunHistory(options_.state_folder, context_.clock); };
  return {
      .run_own_command = std::move(run_own_command),
      .runs = [history](const RunHistory::Filter& filter) { return history().newest(filter); },
      .run = [history](std::int64_t id) { return history().find(id); },
      .start_job = [this, ask = std::move(ask_for_job)](
                       const std::string& name, const std::string& job) { return start_job(name, job, ask); },
      .metrics = [this] { return metrics(); },
      .restore_folder = options_.state_folder + "/downloads"};
}

WebService::WebService(const WebOptions& options, const StatusBoard& board, const Clock& clock,
                       RunOwnCommand run_own_command, AskForJob ask_for_job)
    : options_(options), context_{.board = board, .clock = clock} {
  using std::chrono::milliseconds;
  AccessRules rules = access_rules(options_.settings);
  const auto now = std::chrono::duration_cast<milliseconds>(clock.wall().time_since_epoch());
  context_.life = static_cast<std::uint64_t>(now.count());
  context_.actions = actions_with(std::move(run_own_command), std::move(ask_for_job));
  std::error_code ignored;
  std::filesystem::remove_all(context_.actions.restore_folder, ignored);  // of a daemon that was killed
  std::vector<HttpRoute> all = probe_routes(board);
  for (HttpRoute& route : api_routes(context_)) all.push_back(std::move(route));
  routes_ = std::make_unique<HttpRoutes>(std::move(rules), std::move(all));
  server_ = std::make_unique<HttpServer>(
      parse_listen_address(options_.settings.listen),
      [this](const HttpRequest& request) { return routes_->answer(request); }, options_.limits);
}

WebService::~WebService() {
  context_.stopping = true;
  server_.reset();
}

void WebService::close_door() { server_->close_door(); }

std::string WebService::address() const {
  const ListenAddress& address = server_->address();
  const bool v6 = address.host.find(':') != std::string::npos;
  return v6 ? fmt::format("http://[{}]:{}", address.host, address.port)
            : fmt::format("http://{}:{}", address.host, address.port);
}

std::string WebService::metrics() const {
  const HttpServerStatus status = server_ ? server_->status() : HttpServerStatus{};
  return metrics_text({.version = options_.version,
                       .databases = context_.board.databases(),
                       .daemon_findings = context_.board.daemon_findings(),
                       .runs = last_runs(options_.state_folder, context_.clock),
                       .process = own_figures(),
                       .http_requests = status.requests,
                       .http_connections = status.connections,
                       .http_connections_ended = status.ended,
                       .http_connections_refused = status.refused});
}

}  // namespace litewright
