#include "locks/lock_report.h"

#include <algorithm>
#include <array>

#include "format/wal.h"
#include "locks/lock_findings.h"

namespace litewright {
namespace {

constexpr std::array<std::string_view, 10> kRoleNames = {
    "idle",        "reads",    "follows", "locks-lost",        "stale-files",
    "checkpoints", "recovers", "writes",  "waits-for-readers", "exclusive"};

// "litewright protect app.db", "/usr/bin/litewright serve": a follower of ours.
bool is_own_follower(const FileHolder& process) {
  const std::string_view program = process.executable;
  if (program.substr(program.rfind('/') + 1) != "litewright") return false;
  return process.command_line.find(" protect") != std::string::npos ||
         process.command_line.find(" serve") != std::string::npos;
}

// Frames that can't be copied back while `snapshot` is read: those after it; under READ0 none can at all.
std::uint32_t pinned_frames(const WalIndex& index, std::uint32_t snapshot) {
  const std::uint32_t frames = index.header.max_frame.value;
  const std::uint32_t reached = snapshot == 0 ? std::min(index.backfilled.value, frames) : snapshot;
  return reached < frames ? frames - reached : 0;
}

void note_snapshots(LockHolder& holder, const LockFacts& facts) {
  for (const std::uint32_t frame : snapshots(facts, holder.locks)) {
    holder.snapshot_frame = std::min(holder.snapshot_frame.value_or(frame), frame);
    const std::uint64_t bytes =
        std::uint64_t{pinned_frames(*facts.wal_index, frame)} * (facts.page_size() + kWalFrameHeaderBytes);
    holder.pinned_bytes = std::max(holder.pinned_bytes, bytes);
  }
}

LockRole role_of(const HeldKey& key, const LockHolder& holder) {
  switch (key.kind) {
    case HeldKind::kExclusive:
      return LockRole::kExclusive;
    case HeldKind::kPending:
      return LockRole::kWaitsForReaders;
    case HeldKind::kWrite:
      return holder.locks.wal_index.checkpoints() ? LockRole::kCheckpoints : LockRole::kWrites;
    case HeldKind::kRecover:
      return LockRole::kRecovers;
    case HeldKind::kCheckpoint:
      return LockRole::kCheckpoints;
    case HeldKind::kStale:
      return LockRole::kStaleFiles;
    case HeldKind::kDropped:
      return LockRole::kLocksLost;
    case HeldKind::kRead:
      return holder.is_own_follower ? LockRole::kFollows : LockRole::kReads;
  }
  return LockRole::kIdle;
}

LockHolder judge_process(const LockFacts& facts, const ProcessFacts& process, const LockHistory& history) {
  LockHolder holder = {
      .process = process.process, .libraries = process.libraries, .stale_files = process.stale_files};
  holder.locks = decode_locks(facts, process);
  holder.is_own_follower = is_own_follower(process.process);
  note_snapshots(holder, facts);
  for (const HeldKey& key : held_keys(facts, process)) {
    // A process that is just opening or closing looks for a moment as if it had lost something.
    const bool needs_proof = key.kind == HeldKind::kDropped || key.kind == HeldKind::kStale;
    if (needs_proof && !history.stands(key)) continue;
    holder.held.push_back(key);
    holder.reads = holder.reads || key.kind == HeldKind::kRead;
    holder.role = std::max(holder.role, role_of(key, holder));
    holder.held_for = std::max(holder.held_for, history.held_for(key).value_or(holder.held_for));
  }
  if (holder.is_own_follower && holder.role == LockRole::kIdle) holder.role = LockRole::kFollows;
  return holder;
}

}  // namespace

std::string_view role_name(LockRole role) { return kRoleNames.at(static_cast<std::size_t>(role)); }

std::size_t LockReport::idle_processes() const {
  return static_cast<std::size_t>(std::ranges::count(processes, LockRole::kIdle, &LockHolder::role));
}

LockReport judge_locks(const std::string& database, const LockFacts& facts, const LockHistory& history,
                       const LockLimits& limits) {
  LockReport report = {.database = database,
                       .seen = facts.wall,
                       .looked_for = history.window(),
                       .wal_mode = facts.in_wal_mode(),
                       .wal_bytes = facts.wal_bytes.value_or(0),
                       .backfilled_meanwhile = history.backfilled(),
                       .commits_per_second = history.commits_per_second(),
                       .write_busy_share = history.write_busy_share(),
                       .unseen_processes = facts.unseen_processes};
  if (facts.wal_index) {
    report.wal_frames = facts.wal_index->header.max_frame.value;
    report.wal_backfilled = std::min(facts.wal_index->backfilled.value, report.wal_frames);
  }
  for (const ProcessFacts& process : facts.processes) {
    LockHolder holder = judge_process(facts, process, history);
    report.pinned_bytes = std::max(report.pinned_bytes, holder.pinned_bytes);
    for (const HeldKey& key : holder.held) {
      if (key.kind != HeldKind::kRead || holder.is_own_follower || holder.locks.wal_index.writes()) continue;
      const auto age = history.held_for(key).value_or(std::chrono::nanoseconds(0));
      report.oldest_reader = std::max(report.oldest_reader.value_or(age), age);
    }
    report.processes.push_back(std::move(holder));
  }
  report.findings = lock_findings(report, history, limits);
  return report;
}

}  // namespace litewright
