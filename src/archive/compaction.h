// Makes few large segments of many small ones, and fresh snapshots of old history, inside the archive: the
// live database is never read for it. What a new object replaces is deleted only by remove_replaced(), after
// the new one was read back.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "archive/restore_plan.h"

namespace litewright {

// A merged segment holds at most this many commits: whoever reads its index holds all of them in memory.
inline constexpr std::uint64_t kMaxMergedCommits = 1 << 17;

struct CompactionOptions {
  std::uint64_t fence = 0;  // the owner's number, for the new object's header
  int zstd_level = 3;
  int threads = 1;
  std::size_t max_open_runs = 256;  // of runs over one page; more are merged in groups, each a run of its own
};

// A new segment that is durable and was read back whole. Only this file makes one.
class CompactedSegment {
 public:
  const SegmentEntry& entry() const { return entry_; }

 private:
  explicit CompactedSegment(SegmentEntry entry) : entry_(std::move(entry)) {}
  friend CompactedSegment merge_segments(ObjectStore&, std::span<const SegmentEntry>,
                                         const CompactionOptions&);
  friend CompactedSegment collapse(ObjectStore&, const RestorePlan&, const CompactionOptions&);
  SegmentEntry entry_;
};

// Merges (a..b], (b..c], … into (a..c]: every commit and every version is kept, deltas as they are, the
// position is the last one's. The parts adjoin and have one page size and one epoch, only the first may be a
// snapshot: Error{kInternal} otherwise. The new object's versions are read back and held against the old
// ones': Error{kDamaged}, the new object removed, where they differ. Error{kLocked} where an object of its
// name exists. Memory is bounded by max_open_runs frames and the commits.
CompactedSegment merge_segments(ObjectStore& store, std::span<const SegmentEntry> parts,
                                const CompactionOptions& options);

// Writes a plan's state as a snapshot (0..k] that holds the one commit k, each page whole. It is read back:
// every page's checksum and their sum. Zeros nobody wrote are left out.
CompactedSegment collapse(ObjectStore& store, const RestorePlan& plan, const CompactionOptions& options);

// Deletes segments that `replacement` makes superfluous. Throws Error{kInternal} and deletes nothing unless
// the replacement is still there with its recorded bytes and holds every commit of each of them, its line
// taken up where theirs is.
void remove_replaced(ObjectStore& store, const CompactedSegment& replacement,
                     std::span<const SegmentEntry> replaced);

}  // namespace litewright
