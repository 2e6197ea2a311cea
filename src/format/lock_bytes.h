// What a byte-range lock on a database's files means. Ranges come from /proc/locks or F_GETLK, where adjacent
// locks of one type are merged: so they are intersected with the bytes below, never compared (FACTS 1 to 4).
//
//   main file, app.db                           WAL index, app.db-shm
//   0x40000000  PENDING                         120  WRITE      123 to 127  READ0 to READ4
//           +1  RESERVED                        121  CHECKPOINT        128  DMS: every open connection
//           +2  SHARED, 510 bytes               122  RECOVER
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "format/wal_index.h"

namespace litewright {

inline constexpr std::uint64_t kPendingLockByte = 0x40000000;
inline constexpr std::uint64_t kReservedLockByte = kPendingLockByte + 1;
inline constexpr std::uint64_t kSharedLockFirstByte = kPendingLockByte + 2;
inline constexpr std::uint64_t kSharedLockBytes = 510;

enum class LockType : std::uint8_t { kRead, kWrite };

// Both ends included, as /proc/locks prints them; "EOF" is UINT64_MAX.
struct LockRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  constexpr bool meets(std::uint64_t from, std::uint64_t bytes) const {
    return first <= last && first <= from + bytes - 1 && last >= from;
  }
};

// How strongly a byte is held; ordered.
enum class LockStrength : std::uint8_t { kNone, kRead, kWrite };

// What one process holds of a main file: or together what decode_main_file_lock gives for each of its locks.
struct MainFileLocks {
  LockStrength pending = LockStrength::kNone;
  LockStrength reserved = LockStrength::kNone;
  LockStrength shared = LockStrength::kNone;

  // SQLite's five lock states (FACTS 1). In WAL mode every open connection is kShared: no evidence of a
  // blocker (FACTS 2). A READ on PENDING alone is a reader on its way in: kShared.
  enum class State : std::uint8_t { kUnlocked, kShared, kReserved, kPending, kExclusive };
  State state() const;

  MainFileLocks& operator|=(const MainFileLocks& other);
  bool operator==(const MainFileLocks&) const = default;
};

MainFileLocks decode_main_file_lock(LockType type, LockRange range);

// What one process holds of a WAL index: or together what decode_wal_index_lock gives for each of its locks.
struct WalIndexLocks {
  LockStrength write = LockStrength::kNone;
  LockStrength checkpoint = LockStrength::kNone;
  LockStrength recover = LockStrength::kNone;
  std::array<LockStrength, kWalReadMarks> read{};  // kWrite: a checkpointer or a restart at work on the mark
  LockStrength dead_man_switch = LockStrength::kNone;  // kRead: a connection is open (FACTS 2)

  bool is_open() const { return dead_man_switch != LockStrength::kNone; }
  bool writes() const { return write != LockStrength::kNone; }
  bool checkpoints() const { return checkpoint != LockStrength::kNone; }
  // A snapshot that ignores the WAL: it blocks all backfill.
  bool blocks_backfill() const { return read[0] != LockStrength::kNone; }
  // A snapshot at a read mark: it blocks the WAL's restart.
  bool blocks_restart() const;

  WalIndexLocks& operator|=(const WalIndexLocks& other);
  bool operator==(const WalIndexLocks&) const = default;
};

WalIndexLocks decode_wal_index_lock(LockType type, LockRange range);

// "exclusive"; "WRITE, READ3" (DMS left out where anything else is held; "nothing" for none).
std::string describe(const MainFileLocks& locks);
std::string describe(const WalIndexLocks& locks);

}  // namespace litewright
