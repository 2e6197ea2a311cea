// A job runner by a clock that is moved: the history is a real one, the commands end at once.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/test_folder.h"
#include "base/time_text.h"
#include "serve/job_runner.h"

namespace litewright {

using namespace std::chrono_literals;

inline WallTime at(std::string_view text) { return parse_time(text, WallTime{}); }

struct MovedClock final : Clock {
  WallTime wall() const override { return now; }
  SteadyTime steady() const override { return {}; }
  std::atomic<WallTime> now{};
};

inline constexpr const char* kDaily =
    "[jobs]\nzone = \"UTC\"\n[[database]]\npath = \"/data/app.db\"\n"
    "schedule.daily = \"0 2 * * *\"\n";

class JobRunnerTest : public ::testing::Test {
 protected:
  void configure(const std::string& toml) {
    configuration_ = std::make_shared<const Configuration>(parse_configuration(toml, "/etc/litewright.toml"));
  }
  void start(WallTime now) {
    clock_.now = now;
    runner_ = std::make_unique<JobRunner>(
        folder_.path("."),
        JobSurroundings{board_, clock_, [this](const OwnCommand& command) { return run_(command); },
                        [](const LogEntry&) {}, 10ms});
    for (const Member& member : find_members(configuration_)) {
      board_.join(member.name, [](DatabaseStatus&) {});
      runner_->join(member);
    }
  }
  // What is to be done now, with all that follows from it; gives the time of the next.
  WallTime work() {
    WallTime wake = runner_->step();
    while (runner_->has_runs() || runner_->has_ended()) {
      runner_->wait_for_runs();
      wake = runner_->step();
    }
    return wake;
  }
  void work_until(WallTime end) {
    while (clock_.now.load() < end) {
      const WallTime wake = work();
      clock_.now = std::min(std::max(wake, clock_.now.load() + 1s), end);
    }
  }
  std::vector<RunRecord> runs(const std::string& job, const std::string& database) {
    RunHistory history(folder_.path("."), clock_);
    auto newest = history.newest({.job = job, .database = database, .most = 10'000});
    std::ranges::reverse(newest);
    return newest;
  }
  std::string local(WallTime time) const {
    return format_utc_time(WallTime(std::chrono::seconds(berlin_.local(time).value))).substr(0, 16);
  }

  const TimeZone berlin_ = TimeZone::find("Europe/Berlin");
  const TestFolder folder_;
  MovedClock clock_;
  StatusBoard board_{clock_};
  std::shared_ptr<const Configuration> configuration_;
  // As the command does: its own word is in the history.
  const RunOwnCommand well_ = [this](const OwnCommand& command) {
    if (!child_history_) child_history_ = std::make_unique<RunHistory>(folder_.path("."), clock_);
    const auto option = std::ranges::find(command.words, "--run");
    child_history_->end(std::stoll(*std::next(option)), RunResult::kDone, "7 steps done", "[]");
    return OwnCommandResult{};
  };
  std::unique_ptr<RunHistory> child_history_ = {};  // one run at a time
  RunOwnCommand run_ = well_;
  std::unique_ptr<JobRunner> runner_;
};

}  // namespace litewright
