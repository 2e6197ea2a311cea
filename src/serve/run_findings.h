// What the runs of plans found, on the board: the findings of their checks, until a run that does the same
// check finds them no more, and that a plan fails.
#pragma once

#include <array>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/run_history.h"
#include "serve/members.h"
#include "serve/status_board.h"

namespace litewright {

// What `litewright maintain DB PLAN --json` printed: its last line. Discarded where that is none.
nlohmann::ordered_json plan_document(std::string_view output);

// Of one thread.
class RunFindings {
 public:
  static constexpr std::array kPlans = {"hourly", "daily", "weekly", "monthly"};

  // The board and the clock outlive it.
  RunFindings(StatusBoard& board, const Clock& clock) : board_(board), clock_(clock) {}

  // What the last runs found is still open, and when they checked is known. Of a database that is known
  // already: nothing.
  void recall(const Member& member, RunHistory& history);
  void forget(const std::string& database) {  // it left
    found_.erase(database);
    moments_.erase(database);
  }

  // What a run printed that has ended now.
  void take(const Member& member, const std::string& plan, const std::string& output);
  // Takes what was seen for a moment (locks, processes) off the board after an hour and a half; when that is
  // so next, if at all.
  std::optional<WallTime> end_moments();
  // job.failed, or that it is over.
  void tell_failure(const Member& member, const RunRecord& run);

 private:
  void note_check(const Member& member, WallTime when);
  struct Found {
    WallTime when{};
    bool full = false;  // by a full check
    std::vector<Finding> findings = {};
  };
  void note(const std::string& database, const std::string& plan, std::vector<Finding> found, WallTime when);
  void add(const std::string& database, const std::string& plan, std::vector<Finding> found, WallTime when);
  void set_check_findings(const std::string& database);

  StatusBoard& board_;
  const Clock& clock_;
  std::map<std::string, std::map<std::string, Found>> found_;  // by database and check, or plan
  std::map<std::string, WallTime>
      moments_;  // by database: until when what was seen for a moment is on the board
};

}  // namespace litewright
