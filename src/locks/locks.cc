#include "locks/locks.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/shell_words.h"
#include "base/time_text.h"

namespace litewright {
namespace {

bool is_in_the_way(const LockHolder& holder, LockWish wish) {
  const bool exclusive = holder.role == LockRole::kExclusive || holder.role == LockRole::kRecovers;
  const bool writes =
      holder.locks.wal_index.writes() || holder.locks.main_file.state() >= MainFileLocks::State::kReserved;
  switch (wish) {
    case LockWish::kWrite:
      return exclusive || writes;
    case LockWish::kCheckpoint:
      return exclusive || holder.pinned_bytes > 0 || holder.locks.wal_index.checkpoints();
    case LockWish::kRestartWal:
      return exclusive || writes || holder.reads || holder.locks.wal_index.checkpoints();
    case LockWish::kWholeDatabase:
      return true;
  }
  return false;
}

std::string what_it_does(const LockHolder& holder) {
  switch (holder.role) {
    case LockRole::kIdle:
      return "has the database open";
    case LockRole::kReads:
      return "reads a snapshot";
    case LockRole::kFollows:
      return "archives its commits";
    case LockRole::kLocksLost:
      return "works on the database without its locks";
    case LockRole::kStaleFiles:
      return "works on a deleted or replaced file";
    case LockRole::kCheckpoints:
      return "runs a checkpoint";
    case LockRole::kRecovers:
      return "recovers the WAL";
    case LockRole::kWrites:
      return "holds the write lock";
    case LockRole::kWaitsForReaders:
      return "waits for readers before it commits";
    case LockRole::kExclusive:
      return "has the whole database to itself";
  }
  return "";
}

}  // namespace

LockReport look_at_locks(const std::string& database, LockSampler& sampler, const LookOptions& options) {
  LockHistory history;
  LockFacts facts = sampler.sample(LockSampler::Depth::kWhole);
  history.note(facts);
  const auto between = std::max(options.between, std::chrono::milliseconds(1));
  for (auto left = options.look_for; left.count() > 0; left -= between) {
    std::this_thread::sleep_for(std::min(left, between));
    const bool last = left <= between;
    facts = sampler.sample(last ? LockSampler::Depth::kWhole : LockSampler::Depth::kQuick);
    history.note(facts);
  }
  return judge_locks(database, facts, history, options.limits);
}

std::vector<Finding> who_is_in_the_way(const LockReport& report, LockWish wish) {
  std::vector<const LockHolder*> holders;
  for (const LockHolder& holder : report.processes) {
    if (is_in_the_way(holder, wish)) holders.push_back(&holder);
  }
  std::ranges::stable_sort(holders, std::greater<>(), [](const LockHolder* holder) { return holder->role; });
  std::vector<Finding> findings;
  for (const LockHolder* holder : holders) {
    const std::int64_t pid = holder->process.pid;
    findings.push_back(
        {.id = "lock.in-the-way",
         .severity = Severity::kWarning,
         .database = report.database,
         .object = pid == 0 ? "outside this container" : fmt::format("pid {}", pid),
         .figures = {{"pid", pid}, {"held_seconds", std::chrono::duration<double>(holder->held_for).count()}},
         .meaning =
             fmt::format("{} {}; ending it rolls back what it has not committed, and loses nothing else",
                         describe(holder->process), what_it_does(*holder)),
         .remedy =
             pid == 0 ? "litewright locks " + shell_quoted(report.database) : fmt::format("kill {}", pid)});
  }
  return findings;
}

}  // namespace litewright
