#include "format/lock_bytes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace litewright {
namespace {

LockStrength strength_at(LockType type, LockRange range, std::uint64_t from, std::uint64_t bytes = 1) {
  if (!range.meets(from, bytes)) return LockStrength::kNone;
  return type == LockType::kWrite ? LockStrength::kWrite : LockStrength::kRead;
}

void strengthen(LockStrength& held, LockStrength other) { held = std::max(held, other); }

}  // namespace

MainFileLocks::State MainFileLocks::state() const {
  if (shared == LockStrength::kWrite) return State::kExclusive;
  if (pending == LockStrength::kWrite) return State::kPending;
  if (reserved == LockStrength::kWrite) return State::kReserved;
  const bool reads = shared == LockStrength::kRead || pending == LockStrength::kRead;
  return reads ? State::kShared : State::kUnlocked;
}

MainFileLocks& MainFileLocks::operator|=(const MainFileLocks& other) {
  strengthen(pending, other.pending);
  strengthen(reserved, other.reserved);
  strengthen(shared, other.shared);
  return *this;
}

MainFileLocks decode_main_file_lock(LockType type, LockRange range) {
  MainFileLocks locks;
  locks.pending = strength_at(type, range, kPendingLockByte);
  locks.reserved = strength_at(type, range, kReservedLockByte);
  locks.shared = strength_at(type, range, kSharedLockFirstByte, kSharedLockBytes);
  return locks;
}

bool WalIndexLocks::blocks_restart() const {
  return std::ranges::any_of(read.begin() + 1, read.end(),
                             [](LockStrength s) { return s != LockStrength::kNone; });
}

WalIndexLocks& WalIndexLocks::operator|=(const WalIndexLocks& other) {
  strengthen(write, other.write);
  strengthen(checkpoint, other.checkpoint);
  strengthen(recover, other.recover);
  for (std::size_t k = 0; k < kWalReadMarks; ++k) strengthen(read[k], other.read[k]);
  strengthen(dead_man_switch, other.dead_man_switch);
  return *this;
}

WalIndexLocks decode_wal_index_lock(LockType type, LockRange range) {
  WalIndexLocks locks;
  locks.write = strength_at(type, range, kWalWriteLockByte);
  locks.checkpoint = strength_at(type, range, kWalCheckpointLockByte);
  locks.recover = strength_at(type, range, kWalRecoverLockByte);
  for (std::size_t k = 0; k < kWalReadMarks; ++k)
    locks.read[k] = strength_at(type, range, kWalReadLockByte0 + k);
  locks.dead_man_switch = strength_at(type, range, kWalDeadManSwitchByte);
  return locks;
}

std::string describe(const MainFileLocks& locks) {
  switch (locks.state()) {
    case MainFileLocks::State::kUnlocked:
      break;
    case MainFileLocks::State::kShared:
      return "shared";
    case MainFileLocks::State::kReserved:
      return "reserved";
    case MainFileLocks::State::kPending:
      return "pending";
    case MainFileLocks::State::kExclusive:
      return "exclusive";
  }
  return "nothing";
}

std::string describe(const WalIndexLocks& locks) {
  std::vector<std::string> held;
  if (locks.writes()) held.emplace_back("WRITE");
  if (locks.checkpoints()) held.emplace_back("CHECKPOINT");
  if (locks.recover != LockStrength::kNone) held.emplace_back("RECOVER");
  for (std::size_t k = 0; k < kWalReadMarks; ++k) {
    if (locks.read[k] == LockStrength::kNone) continue;
    held.push_back(fmt::format("READ{}{}", k, locks.read[k] == LockStrength::kWrite ? " exclusive" : ""));
  }
  if (held.empty()) return locks.is_open() ? "DMS" : "nothing";
  return fmt::format("{}", fmt::join(held, ", "));
}

}  // namespace litewright
