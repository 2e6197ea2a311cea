// What the runs of plans found, on the board: the findings of their checks, until they are found no more, and
// that a plan fails.
#pragma once

#include <array>
#include <map>
#include <nlohmann/json_fwd.hpp>
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
  void forget(const std::string& database) { found_.erase(database); }  // it left

  // What a run printed that has ended now.
  void take(const Member& member, const std::string& plan, const std::string& output);
  // job.failed, or that it is over.
  void tell_failure(const Member& member, const RunRecord& run);

 private:
  void note_check(const Member& member, WallTime when);
  void set_check_findings(const Member& member);

  StatusBoard& board_;
  const Clock& clock_;
  std::map<std::string, std::map<std::string, std::vector<Finding>>> found_;  // by database and job
};

}  // namespace litewright
