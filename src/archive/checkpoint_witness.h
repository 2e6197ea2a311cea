// Whether the process that holds the CKPT lock surely read the WAL index after the last restart, so that
// letting a pin go does it no harm (FACTS 13, 29).
//
// A FULL, RESTART or TRUNCATE has the write lock too, and read the index after it had it: no restart came in
// between. What must be told from it is a PASSIVE of one thread that read the index before the restart,
// beside a writer of another thread of the same process. While we hold READ(0) such a PASSIVE has not got
// further than a few microseconds of computing, for its next step asks for READ(0) exclusively, without
// waiting, and is refused. So it is a FULL and its like that waits for us where
//   (a) the process has one thread: it can't be in a PASSIVE and hold the write lock by another call; or
//   (b) at each of several looks all its threads sleep (none computes, is stopped, traced or in a page
//   fault), and between
//       the looks they woke (a busy handler that tries again: the process is not frozen).
// Linux: /proc.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "sqlite/wal_guard.h"

namespace litewright {

class CheckpointWitness {
 public:
  // One look; `change` is the index's change counter: a commit in between begins anew.
  bool surely_fresh(const WalLockHolders& holders, std::uint32_t change, SteadyTime now);

 private:
  static constexpr int kLooks = 5;
  static constexpr std::chrono::milliseconds kBetween{4};

  int pid_ = 0;
  std::uint32_t change_ = 0;
  int looks_ = 0;
  std::uint64_t first_wakes_ = 0;
  SteadyTime last_look_{};
};

}  // namespace litewright
