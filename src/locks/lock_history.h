// Since when each lock has been held: what samples of one database say together. A lock held in one sample
// after another is one lock only if nothing shows that it was let go between: a writer's, if no commit came;
// a reader's, if its mark stands still.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "base/clock.h"
#include "locks/lock_facts.h"

namespace litewright {

enum class HeldKind : std::uint8_t {
  kWrite,  // WAL: byte 120; else RESERVED or more
  kPending,
  kExclusive,
  kCheckpoint,
  kRecover,
  kRead,     // a snapshot; in rollback mode SHARED
  kDropped,  // open through SQLite, without the locks that this needs (FACTS 7)
  kStale,    // a file deleted or replaced meanwhile
};

struct HeldKey {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;
  HeldKind kind = HeldKind::kRead;
  std::uint64_t detail = 0;  // what must stand still: the change counter, the read mark, the backfill
  auto operator<=>(const HeldKey&) const = default;
};

// For one thread. Holds one entry a lock, bounded by the processes there are.
class LockHistory {
 public:
  // `facts` are later than those before.
  void note(const LockFacts& facts);
  // The time over which shares and rates are counted, and in which a lock must have stood still to count as
  // standing, begins with the last sample.
  void begin_window();

  // Seen held for so long without a gap; empty where the last sample does not have it.
  std::optional<std::chrono::nanoseconds> held_for(const HeldKey& key) const;
  // Held since the window began, and seen more than once.
  bool stands(const HeldKey& key) const;
  std::chrono::nanoseconds window() const { return last_ - window_began_; }
  // Samples of the window in which somebody held the write lock, as a share of all; 0 where there is none.
  double write_busy_share() const;
  // Empty where nothing counts them, or the window has no length.
  std::optional<double> commits_per_second() const;
  // Frames that were copied back within the window; 0 after a restart.
  std::uint32_t backfilled() const { return backfilled_; }

 private:
  void note_rates(const LockFacts& facts);

  struct Held {
    SteadyTime since;
    std::uint64_t samples = 1;
  };
  std::map<HeldKey, Held> held_;
  SteadyTime last_ = {};
  SteadyTime window_began_ = {};
  bool any_ = false;
  std::uint64_t samples_ = 0;
  std::uint64_t busy_samples_ = 0;
  std::uint64_t commits_ = 0;
  std::uint32_t backfilled_ = 0;
  std::optional<std::uint32_t> last_change_;
  std::optional<std::uint32_t> last_backfill_;
};

// What commits raise by one each: the WAL index's counter, else the header's (FACTS 8, 19).
std::optional<std::uint32_t> change_counter(const LockFacts& facts);

}  // namespace litewright
