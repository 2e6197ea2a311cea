// The JSON API, /api/v1/…, and /metrics. docs/openapi.json describes it; a test holds the two against each
// other.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "schedule/run_history.h"
#include "serve/http_routes.h"
#include "serve/own_answers.h"
#include "serve/own_command.h"
#include "serve/status_board.h"

namespace litewright {

// Has `job` of the database of that name run as soon as there is room; the run's id. Throws as
// JobRunner::ask().
using StartJob = std::function<std::int64_t(const std::string& name, const std::string& job)>;

// What the API asks of the rest of the daemon. All may be called from several threads at once.
struct WebActions {
  RunOwnCommand run_own_command = {};
  // The run history's rows, as RunHistory has them.
  std::function<std::vector<RunRecord>(const RunHistory::Filter&)> runs = {};
  std::function<std::optional<RunRecord>(std::int64_t id)> run = {};
  StartJob start_job = {};
  // The text of /metrics.
  std::function<std::string()> metrics = {};
  std::string restore_folder = {};  // where restores are made that are asked for
};

// What the routes share. Outlives them.
struct ApiContext {
  const StatusBoard& board;
  const Clock& clock;
  WebActions actions = {};
  std::uint64_t life = 0;              // of this daemon: the first part of an event's id
  std::atomic<bool> stopping = false;  // commands that run for an answer are ended
  CommandSlots commands{2};
  CommandSlots restores{1};
};

std::vector<HttpRoute> api_routes(ApiContext& context);

}  // namespace litewright
