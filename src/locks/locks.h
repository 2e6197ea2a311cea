// The front door of locks/: look at a database's locks from outside, for a moment or again and again, and ask
// who is in the way of something.
//
//   LinuxLockSampler sampler(path, clock);
//   const LockReport report = look_at_locks("app.db", sampler);
//   report.findings, report.wal_bytes, report.pinned_bytes, report.oldest_reader,
//   report.processes[…].libraries
//
// FACTS 7: only in a process that has no SQLite connection to the database while the sampler lives: look
// first, let the sampler go, then open connections.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "locks/lock_report.h"

namespace litewright {

struct LookOptions {
  // What is held throughout stands; what is not is an application at work.
  std::chrono::milliseconds look_for{400};
  std::chrono::milliseconds between{100};  // samples; at least 1 ms
  LockLimits limits = {};
};

// Samples, sleeps, samples again, and judges. Throws what the sampler throws.
LockReport look_at_locks(const std::string& database, LockSampler& sampler, const LookOptions& options = {});

// What somebody wants to do, and so whose locks are in the way.
enum class LockWish {
  kWrite,          // begin a write transaction
  kCheckpoint,     // copy the whole WAL back
  kRestartWal,     // and begin it anew, or cut it: RESTART, TRUNCATE
  kWholeDatabase,  // VACUUM, another journal mode, a restore in place: everybody out
};

// One finding for each process in the way, the likeliest first: severity warning, its remedy ends it. Empty:
// nobody was seen. Waiters never show (FACTS 4). Idle connections count for kWholeDatabase alone.
std::vector<Finding> who_is_in_the_way(const LockReport& report, LockWish wish);

}  // namespace litewright
