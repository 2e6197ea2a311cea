#include "archive/retention_thread.h"

#include <algorithm>

#include "base/error.h"
#include "base/low_priority_linux.h"

namespace litewright {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestRest{200};
constexpr milliseconds kAfterTrouble{60'000};
constexpr int kJudgingShare = 100;

Error given_up() {
  return Error(ErrorCode::kLocked, "retention was stopped", "what it had not finished is as it was");
}

}  // namespace

RetentionThread::RetentionThread(ObjectStore& store, const Clock& clock, RetentionThreadOptions options,
                                 std::function<bool()> may_work, std::function<void(const Finding&)> found)
    : store_(store),
      clock_(clock),
      options_(std::move(options)),
      may_work_(std::move(may_work)),
      found_(std::move(found)),
      thread_([this] { run(); }) {}

RetentionThread::~RetentionThread() {
  stop();
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
  while (wait()) {
    const std::lock_guard lock(working_);
    if (stopping_ || asked_ > 0 || !may_work_()) continue;
    began_ = std::chrono::steady_clock::now();
    cpu_before_ = thread_cpu_time();
    try {
      look();
      reported_.clear();
    } catch (const Error& error) {
      if (stopping_ || asked_ > 0) continue;
      report(error.what());
      std::unique_lock waiting(mutex_);
      changed_.wait_for(waiting, kAfterTrouble, [this] { return stopping_.load() || asked_ > 0; });
    }
  }
}

// False: stop.
bool RetentionThread::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, options_.look_every, [this] { return stopping_.load(); });
  return !stopping_;
}

// Merges where many objects are new; judges what has grown old now and then, and once at the beginning.
void RetentionThread::look() {
  const bool many = store_.list("segments/").size() >= objects_ + options_.limits.merge_from;
  const auto every = std::max<std::chrono::nanoseconds>(options_.judge_every, judging_ * kJudgingShare);
  const bool due = !judged_ || clock_.steady() - judged_at_ >= every;
  if (!many && !due) return;
  if (due) {
    const auto began = std::chrono::steady_clock::now();
    judged_ = select_points(store_, Catalogue::load(store_), options_.rules, clock_.wall());
    judging_ = std::chrono::steady_clock::now() - began;
    judged_at_ = clock_.steady();
  }
  Retention retention(store_, work(true));
  while (may_work_() && retention.step(*judged_)) breathe(true);
  const bool too_large =
      options_.rules.max_bytes && due && segment_bytes(Catalogue::load(store_)) > *options_.rules.max_bytes;
  if (too_large && may_work_()) prune_archive(store_, options_.rules, clock_.wall(), work(true));
  objects_ = store_.list("segments/").size();
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
          .remedy = "litewright verify " + options_.database});
}

}  // namespace litewright
