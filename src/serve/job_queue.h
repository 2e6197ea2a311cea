// Whose turn it is: the timetables of all databases, so many runs at a time, never two on one database. What
// is due longest goes first; what somebody asked for goes before that. Without a clock or a thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schedule/timetable.h"

namespace litewright {

struct DueRun {
  std::string database = {};
  Timetable::Start start = {};
  std::int64_t asked = 0;  // its number where somebody asked for it: no timetable knows of it, attempt 0
};

class JobQueue {
 public:
  static constexpr std::size_t kMostAsked = 100;

  // The jobs of a database from now on, by what its history knows. While one of its runs is under way:
  // Error{kInternal}.
  void put(const std::string& database, const std::vector<Job>& jobs,
           const std::map<std::string, PastRuns>& past, WallTime now);
  void drop(const std::string& database);  // a run that is under way is still to be ended()
  bool has_jobs(const std::string& database, const std::vector<Job>& jobs) const;  // exactly these
  bool is_running(const std::string& database) const { return running_.contains(database); }
  std::size_t running() const { return running_.size(); }

  bool takes_more() const { return asked_.size() < kMostAsked; }
  // A run that the history has under that number; once, however often it is said.
  void ask(const std::string& database, const std::string& job, std::int64_t number);

  struct Tick {
    std::vector<DueRun> begin = {};  // these have begun
    struct Skip {
      std::string database = {};
      Timetable::Skip skip = {};
    };
    std::vector<Skip> skips = {};
    WallTime wake{};  // nothing is to be done before, unless a run ends
  };
  Tick tick(WallTime now, std::size_t at_once);

  void not_begun(const DueRun& run);  // of `begin`, before the next tick: it is due again, as before
  // Nothing of it begins before, for somebody else is at work on it; it takes nobody's turn meanwhile.
  void keep_out(const std::string& database, WallTime until) { kept_out_[database] = until; }
  void ended(const DueRun& run, WallTime now, RunEnd end);  // it is tried again by the rules

  // When a job of it begins next; nothing where it has no such job.
  std::optional<WallTime> next_start(const std::string& database, const std::string& job, WallTime now) const;

 private:
  struct Entry {
    std::vector<Job> jobs;
    Timetable table;
    WallTime wake{};  // the table need not be asked before
    bool waiting = false;
  };
  bool may_begin(const std::string& database) const {
    return !is_running(database) && !kept_out_.contains(database);
  }
  void begin_asked(WallTime now, std::size_t at_once, Tick& tick);
  void begin_due(WallTime now, std::size_t at_once, Tick& tick);

  std::map<std::string, Entry> entries_;
  WallTime told_{};                             // the time of the last tick()
  std::map<std::string, std::string> running_;  // job by database
  std::map<std::string, WallTime> kept_out_;
  std::deque<DueRun> asked_;
};

}  // namespace litewright
