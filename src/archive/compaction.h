// Makes few large segments of many small ones, and fresh snapshots of old history, inside the archive: the
// live database is never read for it. What a new object replaces is deleted only by remove_replaced(), after
// the new one was read back.
#pragma once

#include <functional>
#include <optional>
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
  unsigned generation = 0;            // of the new object's name
  std::function<void()> breath = {};  // called often: may sleep, may throw to give up
  std::size_t max_open_runs = 256;  // of runs over one page; more are merged in groups, each a run of its own
};

using KeepsCommit = std::function<bool(Txid)>;

// A new segment that is durable and was read back whole. Only this file makes one.
class CompactedSegment {
 public:
  const SegmentEntry& entry() const { return entry_; }

 private:
  explicit CompactedSegment(SegmentEntry entry) : entry_(std::move(entry)) {}
  friend CompactedSegment merge_segments(ObjectStore&, std::span<const SegmentEntry>,
                                         const CompactionOptions&);
  friend CompactedSegment thin_segments(ObjectStore&, std::span<const SegmentEntry>, const KeepsCommit&,
                                        const CompactionOptions&);
  friend CompactedSegment collapse(ObjectStore&, const RestorePlan&, const CompactionOptions&);
  friend std::optional<CompactedSegment> prove_replacement(ObjectStore&, const SegmentEntry&,
                                                           std::span<const SegmentEntry>,
                                                           const CompactionOptions&);
  SegmentEntry entry_;
};

// Merges (a..b], (b..c], … into (a..c]: every commit and every version is kept, deltas as they are, the
// position is the last one's. The parts adjoin and have one page size and one epoch, only the first may be a
// snapshot: Error{kInternal} otherwise. The new object's versions are read back and held against the old
// ones': Error{kDamaged}, the new object removed, where they differ. Error{kLocked} where an object of its
// name exists. Memory is bounded by max_open_runs frames and the commits.
CompactedSegment merge_segments(ObjectStore& store, std::span<const SegmentEntry> parts,
                                const CompactionOptions& options);

// Like merge_segments(), but of the commits only those that `keeps` says stay restore points, and of the
// versions only those that they need (thinning.h). The last commit stays as what the next segment builds on,
// marked as retired where it is no restore point. Where the first part is a snapshot so is the new object,
// and its chain of commits is proven; else its versions are read back and held against what was written.
// Memory is bounded by overlap() of the parts' runs in frames, and the commits.
CompactedSegment thin_segments(ObjectStore& store, std::span<const SegmentEntry> parts,
                               const KeepsCommit& keeps, const CompactionOptions& options);

// For what an ended process left behind: whether the object `entry` is what merge_segments() or
// thin_segments() makes of `parts`, which it seems to replace. nullopt where it is not.
std::optional<CompactedSegment> prove_replacement(ObjectStore& store, const SegmentEntry& entry,
                                                  std::span<const SegmentEntry> parts,
                                                  const CompactionOptions& options);

// So many of the first parts as have at most `max_open_runs` runs over one page; at least one.
std::size_t parts_that_fit(const ObjectStore& store, std::span<const SegmentEntry> parts,
                           std::size_t max_open_runs);

// Writes a plan's state as a snapshot (0..k] that holds the one commit k, each page whole. It is read back:
// every page's checksum and their sum. Zeros nobody wrote are left out.
CompactedSegment collapse(ObjectStore& store, const RestorePlan& plan, const CompactionOptions& options);

// Deletes segments that `replacement` makes superfluous. Throws Error{kInternal} and deletes nothing unless
// the replacement is still there with its recorded bytes and holds every commit of each of them, or was
// thinned and holds none that they do not, its line taken up where theirs is. They go from the newest on.
void remove_replaced(ObjectStore& store, const CompactedSegment& replacement,
                     std::span<const SegmentEntry> replaced);

}  // namespace litewright
