// One database's archiver in a process that has many: a thread of its own while there is something to do,
// none while the database is at rest or a failed beginning waits to be tried again. A store that hangs holds
// up its own lane alone.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "archive/archiver.h"
#include "base/passing_thread.h"
#include "base/rest_watch_linux.h"
#include "base/turnstile.h"

namespace litewright {

class ArchiverLane {
 public:
  struct Options {
    std::function<void()> works = {};  // a pass begins; from any thread, must only note it
    // These are called on the lane's thread.
    std::function<std::shared_ptr<Archiver>(ArchiverLane&)> make;  // may throw Error
    // It could not be made, or failed at the very beginning: how long to wait before it is made again.
    std::function<std::chrono::milliseconds(const Error&)> failed;
    std::function<void()> over = {};  // stopped, and the archiver is gone
    // How many of the process begin at a time: a place is given back by begun(), or half a second later: a
    // store may hang. Null: no bound.
    Turnstile* beginnings = nullptr;
  };

  // Begins at once. `rest` is where it waits; what the archiver was given, too.
  ArchiverLane(RestWatch& rest, Options options);
  // As stop(), and waits for the end.
  ~ArchiverLane();
  ArchiverLane(const ArchiverLane&) = delete;
  ArchiverLane& operator=(const ArchiverLane&) = delete;

  // From any thread. Archives what is there and lets go of the database.
  void stop();
  void hurry();                                // after stop(): as Archiver::hurry()
  bool has_let_go() const;                     // after stop(): nothing but a store is waited for
  void begun();                                // the database is followed
  std::shared_ptr<Archiver> archiver() const;  // null: not made yet
  bool works() const;                          // a pass is under way
  // Stopped, and nothing is under way.
  bool wait_until_over(std::chrono::milliseconds timeout) const;

 private:
  void awake();
  void begin_locked();
  void wait_locked(std::chrono::milliseconds time);
  void end_turn();
  void run();
  void pass();
  std::shared_ptr<Archiver> made();

  RestWatch& rest_;
  Options options_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::shared_ptr<Archiver> archiver_;
  RestWatch::Id waiting_ = 0, turn_ends_ = 0;
  bool stopping_ = false, again_ = false, over_ = false;
  Turnstile::Turn turn_;
  PassingThread thread_;
};

}  // namespace litewright
