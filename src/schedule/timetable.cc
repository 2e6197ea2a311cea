#include "schedule/timetable.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/checksum.h"

namespace litewright {
namespace {

// Begun later than that, a due time was missed and is caught up with.
constexpr std::chrono::seconds kPunctual{60};
constexpr int kMostSkipsAtOnce = 1000;  // recorded one by one; what lies further back is passed over

}  // namespace

Timetable::Timetable(std::vector<Job> jobs, const std::map<std::string, PastRuns>& past, WallTime now) {
  for (Job& job : jobs) {
    const std::string name = job.name;
    const auto known = past.find(name);
    State state{.job = std::move(job), .handled = now};
    if (known != past.end()) take_past(state, known->second, now);
    state.next = state.job.schedule.next(state.handled);
    states_.emplace(name, std::move(state));
  }
}

void Timetable::take_past(State& state, const PastRuns& past, WallTime now) {
  // By a clock that was set back since then it would be far away.
  if (past.since) state.handled = std::min(*past.since, now);
  if (!past.handled || *past.handled > now + kClockStep) return;
  state.handled = past.since ? std::max(*past.handled, state.handled) : *past.handled;
  state.due = past.due.value_or(*past.handled);
  state.attempt = past.attempts;
  state.interruptions = past.interruptions;
  const auto pause = backoff(state, past.end);
  if (!pause) return;
  if (past.end == RunEnd::kInterrupted) {
    state.retry_at = now;
    state.retry_why = Why::kInterrupted;
    return;
  }
  const WallTime at = std::min(past.ended.value_or(now), now) + *pause;
  const JobRules& rules = state.job.rules;
  const bool too_late = rules.catch_up == JobRules::CatchUp::kNever
                            ? now - at > kPunctual
                            : now - state.due > rules.longest_lateness;
  if (!too_late) state.retry_at = at;
}

// Until the next attempt for the same due time; absent: there is none.
std::optional<std::chrono::nanoseconds> Timetable::backoff(const State& state, RunEnd end) {
  const JobRules& rules = state.job.rules;
  const bool again = (end == RunEnd::kFailed && state.attempt <= rules.retries) ||
                     (end == RunEnd::kInterrupted && state.interruptions == 1 &&
                      (state.attempt == 1 || state.attempt <= rules.retries));
  if (!again) return std::nullopt;
  std::chrono::nanoseconds backoff = rules.first_backoff;
  for (int i = 1; i < state.attempt && backoff < rules.longest_backoff; i++) backoff *= 2;
  return std::min(backoff, rules.longest_backoff);
}

// The same due time, the same delay: a restart in between does not begin it twice or never.
WallTime Timetable::begins(const Job& job, WallTime due) {
  if (job.rules.jitter.count() <= 0) return due;
  const std::string text = fmt::format("{} {} {}", job.scope, job.name, due.time_since_epoch().count());
  const std::uint64_t hash = checksum64(std::as_bytes(std::span(text)));
  return due + std::chrono::nanoseconds(hash % static_cast<std::uint64_t>(job.rules.jitter.count()));
}

// All due times that have come; only the last of them can still be begun.
void Timetable::take_due_times(State& state, WallTime now, Tick& tick) {
  const JobRules& rules = state.job.rules;
  std::vector<WallTime> come;
  for (; begins(state.job, state.next) <= now; state.next = state.job.schedule.next(state.next)) {
    if (come.size() == kMostSkipsAtOnce) come.erase(come.begin());
    come.push_back(state.next);
    state.handled = state.next;
  }
  for (std::size_t i = 0; i < come.size(); i++) {
    const bool last = i + 1 == come.size();
    const bool late = now - begins(state.job, come[i]) > kPunctual;
    const bool too_late =
        late && (rules.catch_up == JobRules::CatchUp::kNever || now - come[i] > rules.longest_lateness);
    if (state.running_since) {
      tick.skips.push_back({state.job.name, come[i], "still running"});
    } else if (!last || too_late) {
      tick.skips.push_back({state.job.name, come[i], "missed while nothing ran"});
    } else {
      const bool retry = state.waiting && state.waiting->due == state.due;  // it had its run
      if (state.waiting && !retry)
        tick.skips.push_back({state.job.name, state.waiting->due, "had no turn before the next"});
      state.waiting = State::Turn{come[i], late ? Why::kCaughtUp : Why::kDue};
      state.retry_at.reset();
    }
  }
}

void Timetable::tick_job(State& state, WallTime now, const MayBegin& may_begin, Tick& tick) {
  if (state.handled > now + kClockStep) set_back(state, now);
  take_due_times(state, now, tick);
  tick.wake = std::min(tick.wake, begins(state.job, state.next));
  if (state.running_since) {
    const WallTime limit = *state.running_since + state.job.rules.time_limit;
    if (now >= limit && !state.told_over_time) {
      state.told_over_time = true;
      tick.over_time.push_back(state.job.name);
    }
    if (!state.told_over_time) tick.wake = std::min(tick.wake, limit);
    return;
  }
  if (!state.waiting && state.retry_at) {
    if (*state.retry_at > now) {
      tick.wake = std::min(tick.wake, *state.retry_at);
      return;
    }
    state.waiting = State::Turn{state.due, state.retry_why};
    state.retry_at.reset();
  }
  if (!state.waiting) return;
  const bool again = state.waiting->due == state.due;
  const int attempt = again ? state.attempt + 1 : 1;
  const Start start{state.job.name, state.waiting->due, attempt, state.waiting->why};
  if (may_begin && !may_begin(start)) {
    tick.waiting.push_back(start);
    return;
  }
  if (!again) state.interruptions = 0;
  state.attempt = attempt;
  state.due = start.due;
  state.running_since = now;
  state.told_over_time = false;
  state.waiting.reset();
  tick.starts.push_back(start);
  tick.wake = std::min(tick.wake, now + state.job.rules.time_limit);
}

// The clock was wrong before, or is now: what is due next is so by the one of now.
void Timetable::set_back(State& state, WallTime now) {
  state.handled = now;
  state.next = state.job.schedule.next(now);
  if (state.retry_at) state.retry_at = std::min(*state.retry_at, now + state.job.rules.longest_backoff);
  if (state.running_since) state.running_since = std::min(*state.running_since, now);
}

Timetable::Tick Timetable::tick(WallTime now, const MayBegin& may_begin) {
  Tick tick{.wake = now + std::chrono::hours(24)};
  for (auto& [name, state] : states_) tick_job(state, now, may_begin, tick);
  return tick;
}

void Timetable::not_begun(const Start& start) {
  State& state = states_.at(start.job);
  state.running_since.reset();
  state.attempt = start.attempt - 1;
  if (state.attempt == 0) state.due = {};  // no attempt of any due time is the last now
  state.waiting = State::Turn{start.due, start.why};
}

void Timetable::ended(const std::string& job, WallTime now, RunEnd end) {
  State& state = states_.at(job);
  state.running_since.reset();
  if (end == RunEnd::kInterrupted) state.interruptions++;
  const auto pause = backoff(state, end);
  if (!pause) return;
  state.retry_at = now + *pause;
  state.retry_why = end == RunEnd::kInterrupted ? Why::kInterrupted : Why::kRetry;
}

WallTime Timetable::next_start(const std::string& job, WallTime now) const {
  const State& state = states_.at(job);
  if (state.waiting) return now;
  if (state.retry_at && !state.running_since) return std::max(*state.retry_at, now);
  return begins(state.job, state.next);
}

}  // namespace litewright
