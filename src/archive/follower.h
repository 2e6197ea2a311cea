// Follows one live database into its archive: pins and gates by the hand-over protocol, captures every
// commit, scans where continuity is not proven, cuts segments and hands them to the uploader. A database in
// rollback mode is compared after each change.
//
// run() and go_on() work on the calling thread alone with the database's connections; the other methods may
// be called from any thread. Invariants: (1) a commit is "archived" only when its segment is durable in the
// store; (2) what is captured reaches the new mark before an old pin ends; (3) on leaving, the connections
// are closed properly (FACTS 28).
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "archive/catalogue.h"
#include "archive/database_scan.h"
#include "archive/frame_capture.h"
#include "archive/handover.h"
#include "archive/segment_uploader.h"
#include "base/clock.h"
#include "base/finding.h"
#include "base/rest_watch_linux.h"
#include "base/wake_event.h"

namespace litewright {

struct FollowOptions {
  std::string database;      // path
  std::string state_folder;  // for the ledger's file
  std::uint64_t fence = 0;   // the owner's number, written into each segment
  // Begins with a snapshot, for what the next segment would build on is damaged.
  bool anew = false;
  std::uint64_t wal_limit_bytes = 12 << 20;  // a gate is due above it
  // The WAL may not grow beyond it for want of an archive that keeps up: then it is let go.
  std::uint64_t wal_ceiling_bytes = 1 << 30;
  // While a scan reads, our mark stands still until so much was written, or half the ceiling.
  std::uint64_t scan_wal_bytes = 256 << 20;
  std::chrono::milliseconds flush_interval{15};
  std::chrono::milliseconds busy_flush_interval{250};  // while more than busy_flush_bytes come in an interval
  std::size_t busy_flush_bytes = 128 << 10;
  RestWatch* rest = nullptr;  // where a quiet database is watched without a thread; outlives the follower
  std::chrono::milliseconds rest_after{2'000};  // without a commit
};

struct FollowEvents {
  // The first state is in the archive and commits are followed from here on; `reconciled`: after a gap.
  std::function<void(Txid, bool reconciled)> following;
  std::function<void(std::uint64_t pages_done, std::uint64_t pages_all)> scanning;
  std::function<void(Txid, std::uint64_t bytes)> stored;
  std::function<void(const std::string&)> warning;
  // On any thread. One of severity ok ends the last one of its id.
  std::function<void(const Finding&)> finding;
  // The gate is entered (true) or left: a watchdog must see to it that we don't stay there stopped (FACTS
  // 31).
  std::function<void(bool)> gate;
  // Connections to the database are about to be opened (true), or all are closed.
  std::function<void(bool)> database_open;
};

struct FollowStatus {
  Txid captured, archived;
  FrameCapture::Counters capture;
  Handover::Counters handover;
  std::uint64_t scans = 0;
  std::uint32_t longest_wal_frames = 0;
  double longest_gate_ms = 0;
  bool gave_up = false;  // at the WAL's ceiling
};

// What a checkpoint that was asked for came to.
struct FollowedCheckpoint {
  struct Wal {
    std::uint64_t bytes = 0;
    std::uint32_t frames = 0, backfilled = 0;
  };
  bool complete = false;  // else it was no longer waited for
  Wal before, after;
  double longest_gate_ms = 0;  // of all so far: writers were kept out no longer
};

class Follower {
 public:
  // `spool`: the store itself, where it is one that spools.
  Follower(ObjectStore& store, const Clock& clock, FollowOptions options, FollowEvents events,
           SpoolingStore* spool = nullptr);
  ~Follower();

  // Returns after stop(), or with kArchived as soon as the state at the call is in the archive (backup
  // without an owner). Throws where the database or the archive makes it impossible to go on; then nothing of
  // ours stays behind.
  // False: stopped before a first snapshot or a comparison was whole; what is committed is not all archived.
  enum class Until { kStopped, kArchived };
  bool run(Until until);
  // The same in pieces. Absent: the database is at rest, one connection pins it, and no thread is needed:
  // `awake` is called when there is something to do again, on any thread and perhaps before this returns;
  // then this is to be called again. It is not called beside itself.
  std::optional<bool> go_on(Until until, const std::function<void()>& awake);
  void stop();
  // After stop(): leaves without waiting for the store or for a gate. What is not archived yet is compared at
  // the next start.
  void hurry();
  // Nobody runs it any more, if anybody ever did: who waits for an answer hears so.
  void abandon();
  // The database is closed, and what was captured is archived, spooled or given up: go_on() returns as soon
  // as the store does.
  bool has_let_go() const;

  // Everything committed before the call is archived when it returns: that txid. Throws
  // Error{kStoreUnreachable} when it took longer than `timeout`, Error{kLocked} when the follower stopped
  // meanwhile. `hopeless` is asked now and then: where it says so the time is up.
  Txid sync(std::chrono::milliseconds timeout, const std::function<bool()>& hopeless = {});

  // Done by the hand-over's own steps, so that the pins and the gate stay right. Throws Error{kLocked} where
  // another one is under way, or the follower stopped meanwhile.
  FollowedCheckpoint checkpoint(HandoverWish wish, std::chrono::milliseconds timeout);

  FollowStatus status() const;

 private:
  struct Session;
  class Comparison;
  std::optional<bool> stay(Until until, const std::function<void()>& awake);
  void end_rest();
  void leave_off();
  void poke_locked();
  int wake_descriptor_locked();
  struct SyncPatience {
    SteadyTime began, deadline;
    const std::function<bool()>& hopeless;
  };
  bool wait_answered(std::unique_lock<std::mutex>& lock, const SyncPatience& patience,
                     const std::function<bool()>& holds);
  Txid wait_for_capture(const SyncPatience& patience);
  void note_stored(Txid txid, std::uint64_t bytes);
  void warn(const std::string& text) const;
  void tell(const Finding& finding) const;

  ObjectStore& store_;
  SpoolingStore* spool_;
  const Clock& clock_;
  FollowOptions options_;
  FollowEvents events_;

  mutable std::mutex mutex_;
  std::optional<WakeEvent> wake_;  // of the thread in run(), once it slept
  RestWatch::Id resting_ = 0;
  std::condition_variable answered_;
  std::uint64_t sync_asked_ = 0, sync_answered_ = 0;
  Txid sync_txid_;
  HandoverWish wish_ = HandoverWish::kNothing;
  std::optional<FollowedCheckpoint> granted_;  // so far; complete: the wish is done
  bool stopping_ = false, let_go_ = false, ended_ = false;
  std::atomic<bool> hurried_ = false;
  FollowStatus status_;
  std::unique_ptr<Session> session_;  // while a database with a WAL is followed
};

}  // namespace litewright
