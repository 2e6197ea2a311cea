#include "serve/web_service.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "schedule/run_history.h"
#include "serve/health_probes.h"
#include "serve/metrics.h"

namespace litewright {
namespace {

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

WebActions WebService::actions_with(RunOwnCommand run_own_command, StartJob start_job) {
  // A connection of its own for each question: threads share none.
  const auto history = [this] { return RunHistory(options_.state_folder, context_.clock); };
  return {.run_own_command = std::move(run_own_command),
          .runs = [history](const RunHistory::Filter& filter) { return history().newest(filter); },
          .run = [history](std::int64_t id) { return history().find(id); },
          .start_job = std::move(start_job),
          .metrics = [this] { return metrics(); },
          .restore_folder = options_.state_folder + "/downloads"};
}

WebService::WebService(const WebOptions& options, const StatusBoard& board, const Clock& clock,
                       RunOwnCommand run_own_command, StartJob start_job)
    : options_(options), context_{.board = board, .clock = clock} {
  using std::chrono::milliseconds;
  AccessRules rules = access_rules(options_.settings);
  const auto now = std::chrono::duration_cast<milliseconds>(clock.wall().time_since_epoch());
  context_.life = static_cast<std::uint64_t>(now.count());
  context_.actions = actions_with(std::move(run_own_command), std::move(start_job));
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

void WebService::use(const HttpSettings& settings) {
  if (settings.listen == options_.settings.listen) routes_->use(access_rules(settings));
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
