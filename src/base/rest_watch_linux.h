// Keeps an eye on all that is at rest in a process, with one thread, one inotify instance and one timer:
// files to which nobody writes, work that is not due yet. Linux.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/cheap_look.h"
#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/turnstile.h"
#include "base/wake_event.h"

namespace litewright {

class RestWatch {
 public:
  // As often this many locks are looked at, in turn; more where one would else be looked at less than every 2
  // s. A few are looked at more often: whoever waits for one of them waits less.
  static constexpr std::chrono::milliseconds kLook{250}, kLookAtFew{75};
  static constexpr std::size_t kFew = 32;
  static constexpr std::size_t kLooksAtATime = 125, kMostTurns = 8;
  // A word whose file is watched tells what the file has told already, and costs a cold page: where there are
  // more than a few, each is looked at once in so many turns, 16 s. On a file system where something was once
  // written that inotify did not tell, the words are looked at as the locks are.
  static constexpr std::size_t kWordTurns = 64;
  // So often each name is looked up, and at least so often one: a folder above may have been renamed.
  static constexpr std::chrono::seconds kLookUp{60}, kLookUpOne{1};

  struct Rest {
    std::string written = {};   // a file: a write to it ends the rest
    std::string replaced = {};  // a file: that it is renamed, deleted or replaced ends the rest
    CheapLook look = {};        // what stirs there ends the rest
    SteadyTime until{};         // the rest ends then
    // Asked once, by begin(), when the files are watched: true: there is no rest.
    std::function<bool()> stirs_already = {};
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

  // From any thread. `awake` is called on the watch's thread, perhaps before this returns. 0: there is no
  // rest, for a file can't be watched or something stirs already; then `awake` is not called.
  Id begin(Rest rest);
  // Ends a rest now: `awake` is called. From any thread; nothing where it is over.
  void wake(Id id);
  // How many of those at work may have an inotify instance of their own; the others look now and then.
  Turnstile& own_instances() { return own_instances_; }
  // Whether inotify was found not to tell what is written on this file's file system.
  bool is_silent(const std::string& file) const;
  // It is not called any more, nor under way, when this returns. Not from `awake`, and without any lock
  // that it takes.
  void forget(Id id);

 private:
  using FileId = std::pair<dev_t, ino_t>;
  struct Resting {
    Rest rest;
    int written_watch = -1, replaced_watch = -1;
    std::multimap<SteadyTime, Id>::iterator deadline{};
    std::optional<FileId> written = {}, replaced = {};
    std::size_t looked_at = 0;  // its place there
  };
  // All that a look touches lies together: of a thousand things at rest nothing is in a cache any more.
  struct LookedAt {
    CheapLook look;
    Id id;
    bool silent;  // a write to its file is not told, or none is watched
  };
  using Awakes = std::vector<std::function<void()>>;

  int watch_file(const std::string& path, std::uint32_t mask, Id id);
  void drop_watch(int watch);
  std::function<void()> end_locked(Id id);
  void run();
  int sleep_milliseconds() const;
  void read_events(Awakes& over);
  std::chrono::milliseconds between_looks() const { return looked_at_.size() <= kFew ? kLookAtFew : kLook; }
  static std::optional<FileId> file_id(const std::string& path);
  void look(SteadyTime now, Awakes& over);
  void look_up_names(SteadyTime now, std::vector<Id>& stirring);
  void look_away_locked(std::size_t place);
  void end_changed_locked(Id id, Awakes& over);
  void give_back_memory();
  void take_woken(SteadyTime now, Awakes& over);

  static constexpr int kOwnInstances = 24;
  Turnstile own_instances_{kOwnInstances};
  FileDescriptor inotify_;
  WakeEvent changed_;
  std::mutex calling_;  // taken before mutex_: while `awake` is called
  mutable std::mutex mutex_;
  bool stopping_ = false;
  Id last_ = 0;
  std::map<Id, Resting> resting_;
  std::multimap<SteadyTime, Id> deadlines_;
  std::unordered_map<int, Id> watches_;  // by inotify's number, which is not used again
  std::vector<Id> woken_;
  std::vector<LookedAt> looked_at_;
  std::size_t next_lock_ = 0, next_word_ = 0, next_name_ = 0;
  std::set<dev_t> silent_;
  SteadyTime next_look_{}, next_look_up_{}, next_trim_{};
  std::atomic<int> begun_ = 0;
  std::thread thread_;
};

}  // namespace litewright
