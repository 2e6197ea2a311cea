// Retention beside an archiver: merges and thins its archive by itself, on a thread that everything else goes
// before, and prunes on request. Never in the way of capture: it shares nothing with it but the store. The
// thread is there while it works; an archive that gets nothing new is looked at more and more rarely.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "archive/retention.h"
#include "base/finding.h"
#include "base/passing_thread.h"
#include "base/rest_watch_linux.h"
#include "base/turnstile.h"

namespace litewright {

struct RetentionThreadOptions {
  KeepRules rules = default_keep_rules();
  std::string database;  // for findings
  std::uint64_t fence = 0;
  std::chrono::milliseconds look_every{5'000};  // for new objects
  // For points that grow old. Longer where judging takes long: at most a hundredth of the time; and up to
  // 32 times as long where nothing came and nothing went.
  std::chrono::milliseconds judge_every{600'000};
  double cpu_share = 0.2;  // of one processor, while it works
  RetentionLimits limits = {.lazy = true, .most_commits = 1 << 15};
  Turnstile* turns = nullptr;                       // how many work at a time in this process; null: no bound
  std::function<void(const Catalogue&)> seen = {};  // each that it judges, on its thread
};

class RetentionThread {
 public:
  // `rest` is where it waits. `may_work`: the archive is well and followed; asked before each step. `found`
  // is called on its thread.
  RetentionThread(ObjectStore& store, const Clock& clock, RestWatch& rest, RetentionThreadOptions options,
                  std::function<bool()> may_work, std::function<void(const Finding&)> found);
  ~RetentionThread();  // gives up what it is at, that of prune() too
  RetentionThread(const RetentionThread&) = delete;
  RetentionThread& operator=(const RetentionThread&) = delete;

  // On the caller's thread, at once: what the thread itself is at is given up.
  PruneResult prune(const KeepRules& rules, WallTime now);
  // From now on nothing is begun, and what is at work ends soon, with Error{kLocked}.
  void stop();
  // The archive has an object more. From any thread.
  void note_new_object();

  // Held while a point gets its name, so that its commit does not go meanwhile.
  std::mutex& naming() { return naming_; }

 private:
  void lie_down_locked();
  void time_is_up();
  void run();
  std::chrono::nanoseconds attempt();
  void look();
  std::chrono::nanoseconds judging_interval() const;
  void breathe(bool own);
  RetentionWork work(bool own);
  void report(const std::string& trouble);

  ObjectStore& store_;
  const Clock& clock_;
  RestWatch& rest_;
  RetentionThreadOptions options_;
  std::function<bool()> may_work_;
  std::function<void(const Finding&)> found_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::mutex working_;  // one works at a time
  std::mutex naming_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> asked_ = 0;  // prune() wants the thread to give way
  std::atomic<bool> news_ = false;
  // Under mutex_:
  RestWatch::Id resting_ = 0;
  SteadyTime due_{};
  int refusals_ = 0;
  Turnstile::Turn turn_;
  PassingThread thread_;
  // Of the thread alone:
  std::optional<PointSelection> judged_;
  SteadyTime judged_at_{}, began_{};
  std::chrono::nanoseconds judging_{0}, cpu_before_{0};
  std::size_t objects_ = 0;
  int quiet_judgements_ = 0;  // in a row: nothing had come, and nothing was done
  std::string reported_;
};

}  // namespace litewright
