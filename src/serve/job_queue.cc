#include "serve/job_queue.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"

namespace litewright {
namespace {

bool never(const Timetable::Start&) { return false; }

bool same_job(const Job& one, const Job& other) {
  return one.name == other.name && one.schedule.text() == other.schedule.text() &&
         one.schedule.zone() == other.schedule.zone() && one.rules == other.rules;
}

}  // namespace

bool JobQueue::has_jobs(const std::string& database, const std::vector<Job>& jobs) const {
  const auto known = entries_.find(database);
  return known != entries_.end() && std::ranges::equal(known->second.jobs, jobs, same_job);
}

void JobQueue::put(const std::string& database, const std::vector<Job>& jobs,
                   const std::map<std::string, PastRuns>& past, WallTime now) {
  if (is_running(database)) throw Error(ErrorCode::kInternal, "jobs changed under a run of " + database);
  entries_.insert_or_assign(database, Entry{.jobs = jobs, .table = Timetable(jobs, past, now), .wake = now});
}

void JobQueue::drop(const std::string& database) {
  entries_.erase(database);
  std::erase_if(asked_, [&](const DueRun& run) { return run.database == database; });
}

void JobQueue::ask(const std::string& database, const std::string& job, std::int64_t number) {
  if (std::ranges::find(asked_, number, &DueRun::asked) != asked_.end()) return;
  asked_.push_back({.database = database, .start = {.job = job, .attempt = 0}, .asked = number});
}

void JobQueue::begin_asked(WallTime now, std::size_t at_once, Tick& tick) {
  for (auto at = asked_.begin(); at != asked_.end() && running_.size() < at_once;) {
    if (!may_begin(at->database)) {
      ++at;
      continue;
    }
    at->start.due = now;
    running_[at->database] = at->start.job;
    tick.begin.push_back(*at);
    at = asked_.erase(at);
  }
}

void JobQueue::begin_due(WallTime now, std::size_t at_once, Tick& tick) {
  std::vector<DueRun> waiting;
  for (auto& [database, entry] : entries_) {
    if (entry.wake > now && !entry.waiting) continue;
    Timetable::Tick heard = entry.table.tick(now, never);
    entry.wake = heard.wake;
    entry.waiting = !heard.waiting.empty();
    for (Timetable::Skip& skip : heard.skips) tick.skips.push_back({database, std::move(skip)});
    for (Timetable::Start& start : heard.waiting) waiting.push_back({database, std::move(start)});
  }
  // At the same time the shorter plan first: as configured, hourly before monthly.
  const auto rank = [this](const DueRun& run) {
    const std::vector<Job>& jobs = entries_.at(run.database).jobs;
    return std::tuple(run.start.due, std::ranges::find(jobs, run.start.job, &Job::name) - jobs.begin());
  };
  std::ranges::stable_sort(waiting, {}, rank);
  for (const DueRun& run : waiting) {
    if (running_.size() >= at_once) break;
    if (!may_begin(run.database)) continue;
    Entry& entry = entries_.at(run.database);
    const auto turn = [&run](const Timetable::Start& start) { return start.job == run.start.job; };
    Timetable::Tick begun = entry.table.tick(now, turn);
    entry.wake = begun.wake;
    for (Timetable::Start& start : begun.starts) {
      running_[run.database] = start.job;
      tick.begin.push_back({run.database, std::move(start)});
    }
  }
}

JobQueue::Tick JobQueue::tick(WallTime now, std::size_t at_once) {
  Tick tick{.wake = now + std::chrono::hours(24)};
  if (now < told_) {  // the clock was set back: each table is to hear of it
    for (auto& [database, entry] : entries_) entry.wake = now;
    kept_out_.clear();
  }
  std::erase_if(kept_out_, [now](const auto& kept) { return kept.second <= now; });
  told_ = now;
  begin_asked(now, at_once, tick);
  begin_due(now, at_once, tick);
  for (const auto& [database, entry] : entries_) tick.wake = std::min(tick.wake, entry.wake);
  for (const auto& [database, until] : kept_out_) tick.wake = std::min(tick.wake, until);
  return tick;
}

void JobQueue::not_begun(const DueRun& run) {
  running_.erase(run.database);
  if (run.asked > 0) return asked_.push_front(run);
  const auto known = entries_.find(run.database);
  if (known == entries_.end()) return;
  known->second.table.not_begun(run.start);
  known->second.waiting = true;
}

void JobQueue::ended(const DueRun& run, WallTime now, RunEnd end) {
  running_.erase(run.database);
  const auto known = entries_.find(run.database);
  if (run.asked > 0 || known == entries_.end()) return;
  known->second.table.ended(run.start.job, now, end);
  known->second.wake = now;
}

std::optional<WallTime> JobQueue::next_start(const std::string& database, const std::string& job,
                                             WallTime now) const {
  const auto known = entries_.find(database);
  if (known == entries_.end()) return std::nullopt;
  const bool has = std::ranges::any_of(known->second.jobs, [&](const Job& one) { return one.name == job; });
  return has ? std::optional(known->second.table.next_start(job, now)) : std::nullopt;
}

}  // namespace litewright
