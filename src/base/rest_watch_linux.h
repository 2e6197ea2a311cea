// Keeps an eye on all that is at rest in a process, with one thread, one inotify instance and one timer:
// files to which nobody writes, work that is not due yet. Linux.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/turnstile.h"
#include "base/wake_event.h"

namespace litewright {

class RestWatch {
 public:
  // As often this many `stirs` are asked, in turn; more where one would else be asked less than every 2 s. A
  // few are asked more often: whoever waits for one of them waits less.
  static constexpr std::chrono::milliseconds kLook{250}, kLookAtFew{75};
  static constexpr std::size_t kFew = 32;
  static constexpr std::size_t kLooksAtATime = 500, kMostTurns = 8;

  struct Rest {
    std::string written = {};          // a file: a write to it ends the rest
    std::string replaced = {};         // a file: that it is renamed, deleted or replaced ends the rest
    std::function<bool()> stirs = {};  // a cheap look that never blocks: true ends the rest
    SteadyTime until{};                // the rest ends then
    // The rest is over: called once, unless forget() came first. Must only hand on.
    std::function<void()> awake = {};
  };

  // The rest of one thing; 0: none.
  using Id = std::uint64_t;

  // Without an inotify instance (a user has 128) nothing with a file rests.
  RestWatch();
  ~RestWatch();
  RestWatch(const RestWatch&) = delete;
  RestWatch& operator=(const RestWatch&) = delete;

  // From any thread. `stirs` and `awake` are called on the watch's thread, perhaps before this returns. 0:
  // there is no rest, for a file can't be watched or something stirs already; then `awake` is not called.
  Id begin(Rest rest);
  // Ends a rest now: `awake` is called. From any thread; nothing where it is over.
  void wake(Id id);
  // How many of those at work may have an inotify instance of their own; the others look now and then.
  Turnstile& own_instances() { return own_instances_; }
  // It is not called any more, nor under way, when this returns. Not from `awake` or `stirs`, and without any
  // lock that those take.
  void forget(Id id);

 private:
  struct Resting {
    Rest rest;
    int written_watch = -1, replaced_watch = -1;
    std::multimap<SteadyTime, Id>::iterator deadline{};
  };
  using Awakes = std::vector<std::function<void()>>;

  int watch_file(const std::string& path, std::uint32_t mask, Id id);
  void drop_watch(int watch);
  std::function<void()> end_locked(Id id);
  void run();
  int sleep_milliseconds() const;
  void read_events(Awakes& over);
  std::chrono::milliseconds between_looks() const { return looked_at_.size() <= kFew ? kLookAtFew : kLook; }
  void look(SteadyTime now, Awakes& over);
  void give_back_memory();
  void take_woken(SteadyTime now, Awakes& over);

  static constexpr int kOwnInstances = 24;
  Turnstile own_instances_{kOwnInstances};
  FileDescriptor inotify_;
  WakeEvent changed_;
  std::mutex calling_;  // taken before mutex_: while `stirs` and `awake` are called
  mutable std::mutex mutex_;
  bool stopping_ = false;
  Id last_ = 0;
  std::map<Id, Resting> resting_;
  std::multimap<SteadyTime, Id> deadlines_;
  std::unordered_map<int, Id> watches_;  // by inotify's number, which is not used again
  std::vector<Id> woken_;
  std::map<Id, Resting*> looked_at_;  // those with `stirs`
  Id looked_up_to_ = 0;
  SteadyTime next_look_{}, next_trim_{};
  std::atomic<int> begun_ = 0;
  std::thread thread_;
};

}  // namespace litewright
