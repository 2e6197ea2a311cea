#include "archive/retention_thread.h"

#include <algorithm>

#include "base/error.h"
#include "base/low_priority_linux.h"
#include "base/shell_words.h"

namespace litewright {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestRest{200};
constexpr milliseconds kAfterTrouble{60'000};
constexpr milliseconds kAfterRefusal{1'000};
constexpr int kMostRefusals = 30;  // then it works all the same: one of the others may hang
constexpr int kJudgingShare = 100;
constexpr int kMostDoublings = 5;

Error given_up() {
  return Error(ErrorCode::kLocked, "retention was stopped", "what it had not finished is as it was");
}

}  // namespace

RetentionThread::RetentionThread(ObjectStore& store, const Clock& clock, RestWatch& rest,
                                 RetentionThreadOptions options, std::function<bool()> may_work,
                                 std::function<void(const Finding&)> found)
    : store_(store),
      clock_(clock),
      rest_(rest),
      options_(std::move(options)),
      may_work_(std::move(may_work)),
      found_(std::move(found)) {
  const std::lock_guard lock(mutex_);
  due_ = std::chrono::steady_clock::now() + options_.look_every;
  lie_down_locked();
}

RetentionThread::~RetentionThread() {
  stop();
  RestWatch::Id resting = 0;
  {
    const std::lock_guard lock(mutex_);
    resting = resting_;
  }
  rest_.forget(resting);  // nothing lies down any more
  thread_.join();
  const std::lock_guard last(working_);
}

void RetentionThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

void RetentionThread::lie_down_locked() {
  if (stopping_) return;
  resting_ = rest_.begin({.until = due_, .awake = [this] { time_is_up(); }});
}

void RetentionThread::note_new_object() {
  if (news_.exchange(true)) return;
  const std::lock_guard lock(mutex_);
  const SteadyTime soon = std::chrono::steady_clock::now() + options_.look_every;
  if (due_ <= soon) return;
  due_ = soon;
  rest_.wake(resting_);
}

// On the watch's thread. Where too many are at work already this one comes later, so that none waits on a
// thread.
void RetentionThread::time_is_up() {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = std::chrono::steady_clock::now();
  if (stopping_ || thread_.runs()) return;
  if (now < due_) return lie_down_locked();
  if (options_.turns != nullptr) turn_ = options_.turns->try_enter();
  const bool refused = options_.turns != nullptr && !turn_ && ++refusals_ < kMostRefusals;
  try {
    if (!refused) {
      refusals_ = 0;
      return thread_.begin([this] { run(); });
    }
  } catch (const Error&) {
    turn_.give_back();  // no thread is left just now
  }
  due_ = now + kAfterRefusal;
  lie_down_locked();
}

RetentionWork RetentionThread::work(bool own) {
  RetentionWork work;
  work.fence = options_.fence;
  work.breath = [this, own] { breathe(own); };
  work.limits = options_.limits;
  work.naming = &naming_;
  return work;
}

// Gives way, and rests so long that the thread has its share of a processor and no more.
void RetentionThread::breathe(bool own) {
  if (stopping_ || (own && asked_ > 0)) throw given_up();
  if (!own) return;
  const std::chrono::duration<double> used = thread_cpu_time() - cpu_before_;
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began_;
  const auto rest = std::chrono::duration_cast<milliseconds>(used / options_.cpu_share - passed);
  if (rest < milliseconds(5)) return;
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::min(rest, kLongestRest), [this] { return stopping_ || asked_ > 0; });
}

PruneResult RetentionThread::prune(const KeepRules& rules, WallTime now) {
  ++asked_;
  changed_.notify_all();
  const std::lock_guard lock(working_);
  --asked_;
  if (stopping_) throw given_up();
  return prune_archive(store_, rules, now, work(false));
}

void RetentionThread::run() {
  go_behind_all_others();
  std::chrono::nanoseconds pause = attempt();
  const std::lock_guard lock(mutex_);
  if (news_) pause = std::min<std::chrono::nanoseconds>(pause, options_.look_every);
  due_ = std::chrono::steady_clock::now() + pause;
  turn_.give_back();
  thread_.ended();
  lie_down_locked();
}

// How long to wait until the next one.
std::chrono::nanoseconds RetentionThread::attempt() {
  const std::lock_guard lock(working_);
  if (stopping_ || asked_ > 0 || !may_work_()) return options_.look_every;
  began_ = std::chrono::steady_clock::now();
  cpu_before_ = thread_cpu_time();
  try {
    look();
    reported_.clear();
  } catch (const Error& error) {
    if (stopping_ || asked_ > 0) return options_.look_every;
    report(error.what());
    return kAfterTrouble;
  }
  return std::max<std::chrono::nanoseconds>(judged_at_ + judging_interval() - clock_.steady(),
                                            options_.look_every);
}

std::chrono::nanoseconds RetentionThread::judging_interval() const {
  const auto quiet = options_.judge_every * (1 << quiet_judgements_);
  return std::max<std::chrono::nanoseconds>(quiet, judging_ * kJudgingShare);
}

// Merges where many objects are new; judges what has grown old now and then, and once at the beginning.
void RetentionThread::look() {
  const bool news = news_.exchange(false);
  if (news) quiet_judgements_ = 0;
  const bool many = news && store_.list("segments/").size() >= objects_ + options_.limits.merge_from;
  const bool due = !judged_ || clock_.steady() - judged_at_ >= judging_interval();
  if (!many && !due) return;
  if (due) {
    const auto began = std::chrono::steady_clock::now();
    const Catalogue catalogue = Catalogue::load(store_);
    if (options_.seen) options_.seen(catalogue);
    judged_ = select_points(store_, catalogue, options_.rules, clock_.wall());
    judging_ = std::chrono::steady_clock::now() - began;
    judged_at_ = clock_.steady();
  }
  Retention retention(store_, work(true));
  bool worked = false;
  while (may_work_() && retention.step(*judged_)) {
    worked = true;
    breathe(true);
  }
  const bool too_large =
      options_.rules.max_bytes && due && segment_bytes(Catalogue::load(store_)) > *options_.rules.max_bytes;
  if (too_large && may_work_()) prune_archive(store_, options_.rules, clock_.wall(), work(true));
  objects_ = store_.list("segments/").size();
  if (due) quiet_judgements_ = news || worked ? 0 : std::min(quiet_judgements_ + 1, kMostDoublings);
  for (const std::string& trouble : retention.tally().troubles) report(trouble);
}

void RetentionThread::report(const std::string& trouble) {
  if (trouble == reported_ || !found_) return;
  reported_ = trouble;
  found_({.id = "archive.retention",
          .severity = Severity::kWarning,
          .database = options_.database,
          .object = store_.describe(),
          .meaning = "the archive could not be thinned or merged here, and stays as it is: " + trouble,
          .remedy = "litewright verify " + shell_quoted(options_.database)});
}

}  // namespace litewright
