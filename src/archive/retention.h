// Retention at work: thins an archive by rules, merges its small objects, makes anchors, lets old history go
// (retention_plan.h), step by step. Each step leaves an archive that gives every point it should, whenever
// the process ends: a new object is durable and was read back before anything goes (compaction.h), and what
// an ended process left is recognised and removed. For the archive's owner alone.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "archive/compaction.h"
#include "archive/retention_plan.h"

namespace litewright {

struct RetentionWork {
  std::uint64_t fence = 0;       // the owner's
  std::function<void()> breath;  // called often: may sleep, may throw to give up
  std::mutex* naming = nullptr;  // held while objects go: no point gets its name meanwhile
  std::size_t max_open_runs = 64;
  RetentionLimits limits;
};

// What was done.
struct RetentionTally {
  std::uint64_t steps = 0, made = 0, removed = 0;  // objects
  std::vector<std::string> troubles;               // objects that are left as they are, and why
};

class Retention {
 public:
  Retention(ObjectStore& store, RetentionWork work) : store_(store), work_(std::move(work)) {}

  // One step; false where there is nothing to do. A point that was named since the selection was made stays,
  // and is then kept by it.
  // Damage is noted in the tally and left alone; the store's trouble is thrown. Were it not to come to rest,
  // it would be ended after many times the steps that the objects at its beginning need, and the tally say
  // so.
  bool step(PointSelection& selection);
  // Till nothing is left to do.
  void run(PointSelection& selection);

  void no_anchors() { work_.limits.no_anchors = true; }
  const RetentionTally& tally() const { return tally_; }

 private:
  void carry_out(const Catalogue& catalogue, const RetentionStep& step, const PointSelection& selection);
  void make(const RetentionStep& step, const PointSelection& selection);
  CompactedSegment make_of(std::span<const SegmentEntry> parts, const PointSelection& selection);
  void make_anchor(const Catalogue& catalogue, const SegmentEntry& end);
  void remove(const std::string& name);
  CompactionOptions options() const;

  ObjectStore& store_;
  RetentionWork work_;
  RetentionTally tally_;
  RetentionPast past_;
  std::optional<std::uint64_t> steps_left_;  // absent: none was made yet
};

struct PruneResult {
  std::uint64_t points_before = 0, points_after = 0;
  std::uint64_t objects_before = 0, objects_after = 0;
  std::uint64_t bytes_before = 0, bytes_after = 0;  // of segments
  std::uint64_t dropped_for_space = 0;              // points that the rules alone would have kept
  bool over_max_bytes = false;                      // what must stay is larger
  RetentionTally tally;
};

// Applies the rules exactly, max_bytes included. Throws Error{kDamaged} where a commit index can't be read:
// then nothing was removed.
PruneResult prune_archive(ObjectStore& store, const KeepRules& rules, WallTime now, RetentionWork work);

// Of all segments, those included that count for nothing any more.
std::uint64_t segment_bytes(const Catalogue& catalogue);

}  // namespace litewright
