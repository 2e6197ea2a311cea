// For tests of serve/: a board with two databases, and all routes over it without a socket.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "serve/api_routes.h"
#include "serve/health_probes.h"
#include "serve/http_routes.h"
#include "serve/status_board.h"

namespace litewright {

class SteppedClock final : public Clock {
 public:
  WallTime wall() const override { return wall_; }
  SteadyTime steady() const override { return steady_; }
  void step(std::chrono::nanoseconds by) {
    wall_ += by;
    steady_ += std::chrono::duration_cast<SteadyTime::duration>(by);
  }

 private:
  WallTime wall_ = WallTime(std::chrono::seconds(1795932000));
  SteadyTime steady_ = SteadyTime(std::chrono::seconds(1000));
};

inline Finding sample_finding(std::string id, Severity severity, std::string object = "") {
  return {.id = std::move(id),
          .severity = severity,
          .database = "/data/shop.db",
          .object = std::move(object),
          .figures = {{"wal_bytes", std::int64_t{120}}, {"reader", std::string("pid 7")}},
          .meaning = "a reader has pinned the WAL",
          .remedy = "litewright locks /data/shop.db"};
}

// "shop" is followed and well, "tenants" is not looked at yet.
inline void fill_board(StatusBoard& board, const Clock& clock) {
  board.join("shop", [&clock](DatabaseStatus& status) {
    status.path = "/data/shop.db";
    status.archive = "/backup/shop";
    status.guard = GuardState::kFollowing;
    status.captured = Txid(12);
    status.archived = Txid(11);
    status.archived_at = clock.wall();
    status.commits = 5;
    status.exists = status.writable = true;
    status.database_bytes = 4096;
    status.wal_bytes = 120;
    status.disk_free_bytes = 25;
    status.disk_bytes = 100;
    status.looked_at = status.checked_at = status.proven_at = clock.wall();
  });
  board.join("tenants", [](DatabaseStatus& status) { status.path = "/data/tenants.db"; });
  board.mark_started();
}

// Board, actions that note what they were asked, and routes.
struct WebSample {
  enum class Board { kFilled, kNotStarted };
  explicit WebSample(AccessRules rules = {}, Board begun = Board::kFilled)
      : routes(std::move(rules), all_routes()) {
    if (begun == Board::kFilled) fill_board(board, clock);
  }

  std::vector<HttpRoute> all_routes() {
    context.actions = {
        .run_own_command =
            [this](const OwnCommand& command) {
              commands.push_back(command.words);
              return command_result;
            },
        .runs =
            [this](const RunHistory::Filter& filter) {
              filters.push_back(filter);
              return std::vector{run};
            },
        .run = [this](std::int64_t id) { return id == run.id ? std::optional(run) : std::nullopt; },
        .start_job =
            [this](const std::string& name, const std::string& job) {
              if (job != "daily") throw Error(ErrorCode::kUsage, "no job is called " + job);
              started.emplace_back(name, job);
              return std::int64_t{7};
            },
        .metrics = [] { return std::string("up 1\n"); }};
    std::vector<HttpRoute> all = probe_routes(board);
    for (HttpRoute& route : api_routes(context)) all.push_back(std::move(route));
    return all;
  }

  // What is made later is made now.
  HttpAnswer ask(HttpRequest request) {
    request.headers.try_emplace("host", "127.0.0.1:7070");
    HttpAnswer answer = routes.answer(request);
    return answer.later ? answer_or_problem(answer.later) : std::move(answer);
  }
  HttpAnswer get(const std::string& target) {
    return ask({.method = "GET", .target = target, .from_loopback = true});
  }

  SteppedClock clock;
  StatusBoard board{clock};
  std::vector<std::vector<std::string>> commands;
  OwnCommandResult command_result = {.output = "{\"schema\":\"litewright/log/1\",\"commits\":[]}\n"};
  std::vector<RunHistory::Filter> filters;
  std::vector<std::pair<std::string, std::string>> started;
  RunRecord run = {.id = 7,
                   .job = "daily",
                   .database = "/data/shop.db",
                   .due = clock.wall(),
                   .began = clock.wall(),
                   .ended = clock.wall() + std::chrono::seconds(3),
                   .result = RunResult::kDone,
                   .summary = "10 steps done",
                   .findings = "[]"};
  ApiContext context{.board = board, .clock = clock, .life = 99};
  HttpRoutes routes;
};

}  // namespace litewright
