// Retention beside an archiver: merges and thins its archive by itself, on a thread that everything else goes
// before, and prunes on request. Never in the way of capture: it shares nothing with it but the store.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "archive/retention.h"
#include "base/finding.h"

namespace litewright {

struct RetentionThreadOptions {
  KeepRules rules = default_keep_rules();
  std::string database;  // for findings
  std::uint64_t fence = 0;
  std::chrono::milliseconds look_every{5'000};  // for new objects
  // For points that grow old. Longer where judging takes long: at most a hundredth of the time.
  std::chrono::milliseconds judge_every{600'000};
  double cpu_share = 0.2;  // of one processor, while it works
  RetentionLimits limits = {.lazy = true, .most_commits = 1 << 15};
};

class RetentionThread {
 public:
  // `may_work`: the archive is well and followed; asked before each step. `found` is called on its thread.
  RetentionThread(ObjectStore& store, const Clock& clock, RetentionThreadOptions options,
                  std::function<bool()> may_work, std::function<void(const Finding&)> found);
  ~RetentionThread();  // gives up what it is at, that of prune() too
  RetentionThread(const RetentionThread&) = delete;
  RetentionThread& operator=(const RetentionThread&) = delete;

  // On the caller's thread, at once: what the thread itself is at is given up.
  PruneResult prune(const KeepRules& rules, WallTime now);
  // From now on nothing is begun, and what is at work ends soon, with Error{kLocked}.
  void stop();

  // Held while a point gets its name, so that its commit does not go meanwhile.
  std::mutex& naming() { return naming_; }

 private:
  void run();
  bool wait();
  void look();
  void breathe(bool own);
  RetentionWork work(bool own);
  void report(const std::string& trouble);

  ObjectStore& store_;
  const Clock& clock_;
  RetentionThreadOptions options_;
  std::function<bool()> may_work_;
  std::function<void(const Finding&)> found_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::mutex working_;  // one works at a time
  std::mutex naming_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> asked_ = 0;  // prune() wants the thread to give way
  // Of the thread alone:
  std::optional<PointSelection> judged_;
  SteadyTime judged_at_{}, began_{};
  std::chrono::nanoseconds judging_{0}, cpu_before_{0};
  std::size_t objects_ = 0;
  std::string reported_;
  std::thread thread_;
};

}  // namespace litewright
