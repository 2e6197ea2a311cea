// /metrics: what the board, the run history and the process say, in Prometheus' text format. Names are
// docs/operating/monitoring.md's; deploy/prometheus/alerts.yml and deploy/grafana/ go by them.
//
// Labels are few: `database` (its name), and `severity`, `id`, `job`, `result`, `code` where there are
// several.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schedule/run_history.h"
#include "serve/status_board.h"

namespace litewright {

// Of this process, from /proc; empty where that can't be read.
struct ProcessFigures {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double open_descriptors = 0;
  double start_time_seconds = 0;  // since 1970
};
std::optional<ProcessFigures> own_figures();

struct MetricsInput {
  std::string version = {};
  std::vector<StatusBoard::Entry> databases = {};
  std::vector<Finding> daemon_findings = {};  // told without the label database
  std::vector<RunRecord> runs = {};           // the newest first; the last of each job and database counts
  std::optional<ProcessFigures> process = {};
  std::uint64_t http_requests = 0;
  std::uint64_t http_connections = 0, http_connections_ended = 0, http_connections_refused = 0;
};

std::string metrics_text(const MetricsInput& input);

}  // namespace litewright
