// The run history: a row for each run of a job, in Litewright's own state database. One file for a machine's
// user; several processes may write it.
//
// A run that began and has no end was interrupted, unless its process is still there (by pid and start time,
// FACTS 6).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "schedule/timetable.h"
#include "sqlite/connection.h"

namespace litewright {

enum class RunResult { kRunning, kDone, kWarnings, kFailed, kOverTime, kInterrupted, kSkipped, kWaiting };
// "running", "done", "warnings", "failed", "over-time", "interrupted", "skipped", "waiting".
std::string_view run_result_name(RunResult result);
RunEnd run_end(RunResult result);  // for a timetable: what took too long would do so again

struct RunRecord {
  std::int64_t id = 0;
  std::string job = {};       // "daily"
  std::string database = {};  // its path
  WallTime due{};             // of a run by hand: when it began; of one that was asked for: when that was
  int attempt = 1;            // 0: of no schedule: by hand, asked for, skipped
  WallTime began{};           // of one that waits: as `due`
  std::optional<WallTime> ended = {};
  RunResult result = RunResult::kRunning;
  std::string summary = {};   // one line
  std::string findings = {};  // a JSON array
};

class RunHistory {
 public:
  // Makes the file where it is missing. Throws as Connection does: Error{kDamaged} where it is no database.
  RunHistory(const std::string& state_folder, const Clock& clock);

  // A damaged one makes room for a new one, and is kept; its name from then on. Nobody may have it open in
  // this process. Throws Error{kIo|kPermission}.
  static std::string move_aside(const std::string& state_folder, const Clock& clock);

  struct UnderWay {
    std::int64_t id = 0;
    std::string job = {};
    std::int64_t pid = 0;
    std::string text() const;  // "run 12 (weekly, pid 4711)"
  };
  struct Beginning {
    std::optional<RunRecord> run = {};        // it has begun: this process sees to it
    std::optional<UnderWay> in_the_way = {};  // it can't yet: this one is under way on the same database
    std::optional<RunRecord> had =
        {};  // another daemon, that is there, has had this attempt at this due time
  };
  // Never two on one database, whoever begins them; what is there and what comes of it is one transaction.
  Beginning try_begin(const std::string& job, const std::string& database, WallTime due, int attempt);
  // The same. Throws Error{kLocked} that names what is in the way, or was had.
  RunRecord begin(const std::string& job, const std::string& database, WallTime due, int attempt);
  // A run that somebody asked for and that is yet to have its turn, whatever becomes of this process; its
  // number. Where one of the same job and database waits already, that one's.
  std::int64_t ask(const std::string& job, const std::string& database);
  std::vector<RunRecord> waiting(const std::string& database);  // the oldest first
  // It has its turn. Nothing of all where it waits no more.
  Beginning begin_waiting(std::int64_t id);

  // The run is this process's from now on: false where there is no such, or it has ended.
  bool adopt(std::int64_t id);
  void end(std::int64_t id, RunResult result, const std::string& summary, const std::string& findings);
  void skip(const std::string& job, const std::string& database, WallTime due, const std::string& why);

  // Runs whose process is gone are marked as interrupted; how many that were.
  std::size_t mark_interrupted();

  std::optional<RunRecord> find(std::int64_t id);
  // Runs of it that have no end; those whose process is gone must have been marked.
  std::size_t going(const std::string& database);

  struct Filter {
    std::string job = {}, database = {};  // empty: all
    std::size_t most = 50;
  };
  std::vector<RunRecord> newest(const Filter& filter);
  // Of each database and job the last run that ended, and the last that was done where that is another; the
  // newest first, without summary and findings. Skipped ones don't count.
  std::vector<RunRecord> last_of_each();

  // What a clock that was ahead handled (Timetable, rule 5) counts for nothing in these.
  // For a timetable, by job: of one database that has these jobs from now on. Interrupted runs must have been
  // marked. Since when a job has its schedule is kept from here on: a restart before its first due time
  // forgets nothing.
  std::map<std::string, PastRuns> join(const std::string& database, const std::vector<Job>& jobs);
  std::map<std::string, PastRuns> past(const std::string& database);  // what the runs alone say

  // The newest `keep` of each job and database stay.
  std::size_t forget(std::size_t keep);

 private:
  struct KnownSchedule {
    std::string text;  // with its zone; empty: the job has none any more
    WallTime since{};
  };
  void add_makers();
  std::optional<UnderWay> under_way(const std::string& database);
  std::optional<RunRecord> had_elsewhere(const std::string& job, const std::string& database, WallTime due,
                                         int attempt);
  RunRecord insert_running(const std::string& job, const std::string& database, WallTime due, int attempt);
  std::map<std::string, KnownSchedule> schedules(const std::string& database);  // by job
  void keep_schedules(const std::string& database, const std::map<std::string, KnownSchedule>& changed);

  const Clock& clock_;
  Connection connection_;
};

}  // namespace litewright
