#include "locks/held_locks.h"

#include <algorithm>

namespace litewright {

bool may_write(const FileHolder& process) {
  return std::ranges::any_of(process.files, &HeldFile::for_writing);
}

DecodedLocks decode_locks(const LockFacts& facts, const ProcessFacts& process) {
  const std::vector<std::filesystem::path> names = database_files(facts.database);
  DecodedLocks decoded;
  for (const HeldFile& file : process.process.files) {
    const auto name = std::ranges::find(names, file.file);
    const auto which = name - names.begin();
    decoded.has_main_file_open |= which == 0 && file.open;
    decoded.has_wal_index_open |= which == 2 && file.open && file.for_writing;
    decoded.has_journal_open |= which == 3 && file.open && file.for_writing;
    for (const HeldLock& lock : file.locks) {
      if (lock.kind != HeldLock::Kind::kPosix && lock.kind != HeldLock::Kind::kOpenFile) continue;
      const LockType type = lock.mode == HeldLock::Mode::kRead ? LockType::kRead : LockType::kWrite;
      if (which == 0) decoded.main_file |= decode_main_file_lock(type, {lock.first, lock.last});
      if (which == 2) decoded.wal_index |= decode_wal_index_lock(type, {lock.first, lock.last});
    }
  }
  return decoded;
}

bool has_lost_locks(const LockFacts& facts, const DecodedLocks& locks) {
  using State = MainFileLocks::State;
  if (facts.in_wal_mode()) {
    if (!locks.has_wal_index_open || !locks.has_main_file_open) return false;
    return locks.main_file.state() == State::kUnlocked ||
           (!locks.wal_index.is_open() && locks.main_file.state() != State::kExclusive);
  }
  return locks.has_journal_open && facts.journal == JournalHeat::kMaybeHot &&
         locks.main_file.state() < State::kReserved;
}

std::vector<std::uint32_t> snapshots(const LockFacts& facts, const DecodedLocks& locks) {
  std::vector<std::uint32_t> frames;
  if (!facts.wal_index) return frames;
  for (std::size_t k = 0; k < kWalReadMarks; ++k) {
    if (locks.wal_index.read[k] != LockStrength::kRead) continue;
    const std::uint32_t mark = k == 0 ? 0 : facts.wal_index->read_mark[k];
    if (mark != kReadMarkUnused) frames.push_back(mark);
  }
  return frames;
}

std::vector<HeldKey> held_keys(const LockFacts& facts, const ProcessFacts& process) {
  using State = MainFileLocks::State;
  const DecodedLocks locks = decode_locks(facts, process);
  std::vector<HeldKey> keys;
  const auto add = [&](HeldKind kind, std::uint64_t detail = 0) {
    keys.push_back({process.process.pid, process.process.start_ticks, kind, detail});
  };
  const std::uint64_t change = change_counter(facts).value_or(0);
  const State state = locks.main_file.state();
  if (locks.wal_index.writes()) add(HeldKind::kWrite, change);
  if (locks.wal_index.checkpoints()) add(HeldKind::kCheckpoint);
  if (locks.wal_index.recover != LockStrength::kNone) add(HeldKind::kRecover);
  for (const std::uint32_t frame : snapshots(facts, locks)) add(HeldKind::kRead, frame);
  if (state == State::kReserved) add(HeldKind::kWrite, change);
  if (state == State::kPending) add(HeldKind::kPending, change);
  if (state == State::kExclusive) add(HeldKind::kExclusive, change);
  if (state == State::kShared && !facts.in_wal_mode()) add(HeldKind::kRead);
  if (has_lost_locks(facts, locks)) add(HeldKind::kDropped);
  if (!process.stale_files.empty()) add(HeldKind::kStale);
  return keys;
}

}  // namespace litewright
