// Who does what with a database's locks, judged from samples: what `litewright locks` shows.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/finding.h"
#include "locks/held_locks.h"
#include "locks/lock_facts.h"
#include "locks/lock_history.h"

namespace litewright {

// Ordered: of several the last one is a process's role.
enum class LockRole : std::uint8_t {
  kIdle,  // open; in WAL mode with SHARED and DMS: in nobody's way (FACTS 2)
  kReads,
  kFollows,     // our own protect: its mark stands still on purpose (FACTS 30)
  kLocksLost,   // FACTS 7
  kStaleFiles,  // works on a file that is no longer the database's
  kCheckpoints,
  kRecovers,
  kWrites,
  kWaitsForReaders,  // PENDING, or a checkpoint that wants the WAL to itself
  kExclusive,
};
// "idle", "reads", "follows", "locks-lost", "stale-files", "checkpoints", "recovers", "writes",
// "waits-for-readers", "exclusive".
std::string_view role_name(LockRole role);

struct LockHolder {
  FileHolder process = {};
  std::vector<SqliteLibrary> libraries = {};
  std::vector<std::filesystem::path> stale_files = {};
  LockRole role = LockRole::kIdle;
  DecodedLocks locks = {};
  std::vector<HeldKey> held = {};
  bool is_own_follower = false;
  bool reads = false;
  // The oldest snapshot it reads, as a frame of the WAL; 0 ignores the WAL (READ0). Empty: none, or no WAL.
  std::optional<std::uint32_t> snapshot_frame = {};
  // Of the WAL, that can't be copied back into the database because of that snapshot.
  std::uint64_t pinned_bytes = 0;
  // Seen held for so long, at least: the longest of what it holds.
  std::chrono::nanoseconds held_for{0};
};

struct LockReport {
  std::string database = {};  // as it was named
  WallTime seen = {};
  std::chrono::nanoseconds looked_for{0};
  bool wal_mode = false;
  std::uint64_t wal_bytes = 0;  // of the file
  std::uint32_t wal_frames = 0;
  std::uint32_t wal_backfilled = 0;
  std::uint64_t pinned_bytes = 0;          // by the oldest snapshot, our own follower's included
  std::uint32_t backfilled_meanwhile = 0;  // frames
  // Age of the oldest snapshot, neither a writer's own nor our follower's; empty where nobody reads.
  std::optional<std::chrono::nanoseconds> oldest_reader = {};
  std::optional<double> commits_per_second = {};
  double write_busy_share = 0;
  std::size_t unseen_processes = 0;
  std::vector<LockHolder> processes = {};  // the idle ones, too
  std::vector<Finding> findings = {};      // the worst first

  std::size_t idle_processes() const;
};

// From here on a finding is a warning, or critical.
struct LockLimits {
  std::uint64_t pinned_warning_bytes = 50'000'000;
  std::uint64_t pinned_critical_bytes = 100'000'000;
  // Our own follower lets the WAL grow so far by itself: 128 MiB and a transaction.
  std::uint64_t follower_pinned_bytes = 192u << 20;
  std::chrono::nanoseconds reader_warning = std::chrono::minutes(1);
  std::chrono::nanoseconds lock_critical = std::chrono::minutes(1);
};

// Pure: the last sample, and what the history knows about it. `database` is how it was named.
LockReport judge_locks(const std::string& database, const LockFacts& facts, const LockHistory& history,
                       const LockLimits& limits = {});

}  // namespace litewright
