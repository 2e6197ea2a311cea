// Checkpoints beside an application that are run so that the WAL-reset defect can't be met (FACTS 13).
//
// The defect needs a checkpoint that has read the index of a fully copied WAL, and a writer who restarts the
// WAL before that checkpoint goes on. So none of ours runs while a restart is possible:
//   PASSIVE        under a read mark of ours (a READ(k) forbids the restart; a READ(0) forbids copying back);
//   FULL, RESTART  as PASSIVE while we keep writers out;
//   TRUNCATE       SQLite's own, which has the CKPT and the write lock from before it reads the index. Where
//                  it could not have the write lock it would go on as PASSIVE: our mark is taken before that.
// And where all is copied back, so that the next writer may restart the WAL, the CKPT lock is had once before
// our mark goes: nobody else's checkpoint sleeps across that restart either (FACTS 29).
//
// For a process that has no other connection to the database (FACTS 7); from one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "format/wal_index.h"
#include "sqlite/connection.h"
#include "sqlite/live_files.h"

namespace litewright {

struct WalState {
  std::uint64_t bytes = 0;       // of the file
  std::uint32_t frames = 0;      // committed and in use
  std::uint32_t backfilled = 0;  // of them copied back into the database
  bool is_whole() const { return backfilled >= frames; }
};

struct CheckpointLimits {
  std::chrono::milliseconds longest_wait_for_lock{100};   // for writers to make way, a try
  std::chrono::milliseconds longest_wait_for_reader{20};  // while writers are kept out, a try
};

class SafeCheckpoint {
 public:
  // Opens the database. Throws as Connection does; Error{kUsage} where it is not in WAL mode. `gate` is told
  // when writers are kept out (true) and let in again: who is stopped in between must be ended (FACTS 31).
  SafeCheckpoint(const std::string& path, const Clock& clock, std::function<void(bool)> gate = {},
                 const CheckpointLimits& limits = {});
  // Closes as SQLite does: the last one to close copies all back and removes the WAL (FACTS 11).
  ~SafeCheckpoint();
  SafeCheckpoint(const SafeCheckpoint&) = delete;
  SafeCheckpoint& operator=(const SafeCheckpoint&) = delete;

  WalState state();

  enum class Try {
    kDone,
    kLockHeld,      // somebody writes, or runs a checkpoint
    kReaderBefore,  // somebody reads an older state
  };
  // One try of each; none waits longer than the limits. kDone: copied back up to what was committed at the
  // call; all that is committed, with writers kept out; the same, and nobody reads the WAL, so that the next
  // commit begins it anew; the file is empty.
  Try passive();
  Try full();
  Try restart();
  Try truncate();

  // How long writers were kept out by the calls so far, and by the longest.
  std::chrono::nanoseconds writers_out() const { return writers_out_; }
  std::chrono::nanoseconds longest_writers_out() const { return longest_out_; }

  // Before the end of a use that may have copied all back: holds the CKPT lock until the WAL was restarted,
  // for 100 ms at most. False: somebody else's checkpoint has it all the time.
  bool settle(std::chrono::milliseconds patience);

 private:
  class Gate;
  WalIndex index();
  void pin();
  bool unpin();
  bool had_checkpoint_lock(std::chrono::milliseconds patience);
  bool enter_gate();
  Try copy_back();
  Try in_gate(bool and_no_readers);
  void note_out(SteadyTime since);

  const Clock& clock_;
  std::function<void(bool)> gate_told_;
  CheckpointLimits limits_;
  int index_descriptor_ = -1;  // O_RDONLY, for F_GETLK alone; closed after the connections (FACTS 7)
  std::unique_ptr<Connection> pinning_, writing_, checkpointing_;
  std::unique_ptr<LiveFiles> files_;  // of pinning_
  bool pinned_ = false;
  WalIndexHeader at_pin_;
  std::chrono::nanoseconds writers_out_{0}, longest_out_{0};
};

}  // namespace litewright
