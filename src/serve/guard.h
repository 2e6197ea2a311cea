// One database under guard: its archiver in a lane of its own, begun again and again where it can't begin,
// and what comes of it on the status board. The only file of the daemon that knows Archiver.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "archive/archiver_lane.h"
#include "archive/keep_rules.h"
#include "base/clock.h"
#include "serve/daemon_log.h"
#include "serve/open_gates.h"
#include "serve/status_board.h"

namespace litewright {

// What a guard is made of: another one of these is another guard.
struct GuardOptions {
  std::string name = {};     // on the board
  std::string path = {};     // absolute, links resolved
  std::string archive = {};  // as open_store() takes it
  std::string state_folder = {};
  std::uint64_t wal_limit_bytes = 12 << 20, wal_ceiling_bytes = 1 << 30, spool_bytes = 256 << 20;
  KeepRules keep = {};  // empty(): the archive's default rules
  bool operator==(const GuardOptions&) const = default;
};

// The files that are open in this process. One that has two names must not be opened, and closed, a second
// time (FACTS 7).
class GuardedFiles {
 public:
  class Claim {
   public:
    // Throws Error{kNoDatabase} where there is no such file, Error{kLocked} where it is guarded already.
    Claim(GuardedFiles& files, const std::string& path);
    ~Claim();
    Claim(Claim&&) = delete;
    Claim& operator=(Claim&&) = delete;

   private:
    GuardedFiles& files_;
    std::pair<std::uint64_t, std::uint64_t> file_;
  };

 private:
  std::mutex mutex_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> open_;  // device, inode
};

// Names of those that worked since it was asked last: a thousand that rest are not asked each second.
class WhoWorked {
 public:
  void note(const std::string& name) {
    const std::lock_guard lock(mutex_);
    names_.insert(name);
  }
  std::set<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(names_, {});
  }

 private:
  std::mutex mutex_;
  std::set<std::string> names_;
};

// What all guards of the process share, so that a thousand cost little.
struct GuardCommons {
  explicit GuardCommons(const std::string& state_folder);

  RestWatch rest;
  OwnerDesk desk;
  std::shared_ptr<FollowLockFile> follow_locks;
  Turnstile beginnings, retention;
  WhoWorked worked;
  std::atomic<bool> somebody_left = false;
};

// Borrowed; outlives all guards.
struct GuardSurroundings {
  StatusBoard& board;
  OpenGates& gates;
  GuardedFiles& files;
  GuardCommons& commons;
  const Clock& clock;
  DaemonLog log;
  int reported_pid = 0;  // whom to stop: named to others who want the archive
};

class Guard {
 public:
  // Joins the board and begins.
  Guard(GuardOptions options, const GuardSurroundings& surroundings);
  ~Guard();  // waits until it has left
  Guard(Guard&&) = delete;
  Guard& operator=(Guard&&) = delete;

  const GuardOptions& options() const { return options_; }

  // From any thread. stop() archives what is there and closes the database; it does not wait for that.
  // hurry() leaves without the store.
  void stop();
  void hurry();
  bool has_left() const { return left_; }  // then the destructor returns at once
  // After stop(): the database is closed, and nothing but its store is waited for.
  bool has_let_go() const { return left_ || lane_->has_let_go(); }

  // Puts the archiver's figures of now on the board. Whoever does not work has no others than before.
  void publish();
  bool works() const { return lane_->works(); }

 private:
  struct Stay;
  std::shared_ptr<Archiver> make(ArchiverLane& lane);
  FollowEvents events(ArchiverLane& lane, OpenGates::Gate& gate);
  void follows(Txid txid, bool reconciled);
  std::chrono::milliseconds pause_after(const Error& error);
  void state(GuardState state, const std::string& trouble = "");
  void tell(const Finding& finding);
  void take_proof(const Catalogue& catalogue);
  void publish(const FollowStatus& status);

  GuardOptions options_;
  GuardSurroundings around_;
  std::atomic<bool> left_ = false;
  std::atomic<std::uint64_t> stored_bytes_ = 0;
  // Of the lane's thread:
  std::chrono::milliseconds pause_;
  SteadyTime began_{};
  // Of who publishes: each follower counts from 0.
  std::uint64_t commits_before_ = 0, commits_last_ = 0;
  struct Published {
    Txid captured, archived;
    std::uint64_t commits = 0, gates = 0, gates_failed = 0;
    bool operator==(const Published&) const = default;
  };
  std::optional<Published> published_;
  std::unique_ptr<ArchiverLane> lane_;
};

}  // namespace litewright
