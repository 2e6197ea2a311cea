// Runs the maintenance of all databases by their schedules: each run a command of our own in a process of its
// own (`litewright maintain DB daily`), with its row in the run history and its findings on the board.
//
// A run's row is written before its process begins and taken over by that process (RunHistory::adopt): killed
// at any moment, whoever is left or comes next knows whether it goes on, has ended, or was interrupted.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "schedule/run_history.h"
#include "serve/daemon_log.h"
#include "serve/job_queue.h"
#include "serve/members.h"
#include "serve/own_command.h"
#include "serve/run_findings.h"
#include "serve/status_board.h"

namespace litewright {

// Borrowed; outlives the runner.
struct JobSurroundings {
  StatusBoard& board;
  const Clock& clock;
  RunOwnCommand run;
  DaemonLog log;
  std::chrono::milliseconds longest_sleep =
      std::chrono::seconds(10);  // after it a clock that was set is noticed
};

class JobRunner {
 public:
  // The history is opened by step(), again and again where it can't be; one that is damaged is moved aside.
  JobRunner(const std::string& state_folder, const JobSurroundings& surroundings);
  ~JobRunner();  // ends the runs that are under way: as interrupted, to be done again at the next start
  void stop();   // the same, without waiting
  JobRunner(JobRunner&&) = delete;
  JobRunner& operator=(JobRunner&&) = delete;

  // From any thread.
  void join(const Member& member);  // or what is configured of it changed
  void leave(const Member& member);
  // A plan now, beside its schedule: "daily"; its run's number, or that of one like it that waits already. It
  // is in the history then, and has its turn whatever becomes of this process. Throws Error{kNoDatabase} for
  // a database that is not there, Error{kUsage} for no plan, Error{kLocked} where too many wait, and as
  // RunHistory does.
  std::int64_t ask(const std::string& database, const std::string& plan);
  // By plan, for people and programs; of a database that is there.
  std::map<std::string, WallTime> next_runs(const std::string& database) const;

  // Begins the thread that does the work; without it step() is called instead. step() gives the time before
  // which nothing is to be done, unless a run ends.
  void begin();
  WallTime step();
  void wait_for_runs();    // until none is under way
  bool has_runs() const;   // under way
  bool has_ended() const;  // for step() to take

 private:
  struct Run {
    DueRun due;
    Member member = {};
    std::int64_t id = 0;
    std::optional<OwnCommandResult> result = {};  // it has ended
    std::string failure = {};                     // no process could be had
    std::thread thread = {};
  };
  void loop();
  void sleep_until(WallTime wake);
  void open_history();
  void move_history_aside(const Error& error);
  void take_joins();
  bool take_join_alone(const Member& member);
  bool take_join(const Member& member);
  void take_asked(const Member& member);
  void start_due();
  void record_skips();
  void start(const DueRun& due);
  RunHistory::Beginning begin_in_history(const Run& run);
  void stay_away(const DueRun& due, const RunHistory::Beginning& beginning);
  void begin_process(Run run);
  OwnCommand command_of(const Run& run) const;
  bool store_hangs(const std::string& database) const;
  std::size_t hung_runs() const;  // under mutex_
  void take_ended();
  void end(Run& run);
  RunRecord final_record(const Run& run);
  void announce(const Run& run, const char* event, const RunRecord& record);
  void call();  // under mutex_: step() has something to do
  bool stopping() const;

  JobSurroundings around_;
  const std::string state_folder_;
  std::optional<RunHistory> history_;  // of step() alone
  std::string aside_;                  // where a damaged one is now
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, called_ = false;
  std::map<std::string, Member> members_, joining_;  // by name
  std::set<std::string> left_;
  std::list<Run> runs_;  // under way
  JobQueue queue_;
  // Of the working thread alone.
  RunFindings findings_;
  struct OwedSkip {
    std::string path;
    Timetable::Skip skip;
  };
  std::deque<OwedSkip> owed_skips_;  // not in the history yet; the oldest first, kMostOwedSkips at most
  WallTime wake_{};
  std::thread thread_;
};

}  // namespace litewright
