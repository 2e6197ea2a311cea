#include "locks/lock_history.h"

#include <algorithm>

#include "locks/held_locks.h"

namespace litewright {

std::optional<std::uint32_t> change_counter(const LockFacts& facts) {
  if (facts.wal_index) return facts.wal_index->header.change;
  if (facts.header && !facts.header->is_wal()) return facts.header->change_counter;
  return std::nullopt;
}

void LockHistory::note(const LockFacts& facts) {
  std::map<HeldKey, Held> now;
  bool busy = false;
  for (const ProcessFacts& process : facts.processes) {
    for (const HeldKey& key : held_keys(facts, process)) {
      busy = busy || key.kind == HeldKind::kWrite || key.kind == HeldKind::kPending ||
             key.kind == HeldKind::kExclusive;
      const auto before = held_.find(key);
      // What rests on descriptors says nothing new in a sample that did not look at them.
      const bool rests_on_descriptors = key.kind == HeldKind::kDropped || key.kind == HeldKind::kStale;
      const std::uint64_t seen = facts.whole || !rests_on_descriptors ? 1 : 0;
      now[key] = before == held_.end()
                     ? Held{.since = facts.steady, .samples = seen}
                     : Held{.since = before->second.since, .samples = before->second.samples + seen};
    }
  }
  held_ = std::move(now);
  last_ = facts.steady;
  if (!any_) {
    any_ = true;
    window_began_ = facts.steady;
  }
  ++samples_;
  if (busy) ++busy_samples_;
  note_rates(facts);
}

void LockHistory::note_rates(const LockFacts& facts) {
  constexpr std::uint32_t kMostBetweenSamples = 1u << 30;  // a recovery begins anew: no commits
  const auto change = change_counter(facts);
  if (change && last_change_ && *change - *last_change_ < kMostBetweenSamples) {
    commits_ += *change - *last_change_;
  }
  last_change_ = change;
  std::optional<std::uint32_t> backfill;
  if (facts.wal_index) backfill = facts.wal_index->backfilled.value;
  if (backfill && last_backfill_ && *backfill > *last_backfill_) backfilled_ += *backfill - *last_backfill_;
  last_backfill_ = backfill;
}

void LockHistory::begin_window() {
  window_began_ = last_;
  samples_ = 0;
  busy_samples_ = 0;
  commits_ = 0;
  backfilled_ = 0;
}

std::optional<std::chrono::nanoseconds> LockHistory::held_for(const HeldKey& key) const {
  const auto held = held_.find(key);
  if (held == held_.end()) return std::nullopt;
  return last_ - held->second.since;
}

bool LockHistory::stands(const HeldKey& key) const {
  const auto held = held_.find(key);
  return held != held_.end() && held->second.samples > 1 && held->second.since <= window_began_;
}

double LockHistory::write_busy_share() const {
  return samples_ == 0 ? 0 : static_cast<double>(busy_samples_) / static_cast<double>(samples_);
}

std::optional<double> LockHistory::commits_per_second() const {
  const std::chrono::duration<double> seconds = window();
  if (!last_change_ || seconds.count() <= 0) return std::nullopt;
  return static_cast<double>(commits_) / seconds.count();
}

}  // namespace litewright
