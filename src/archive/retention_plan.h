// What retention does next with an archive's objects: pure, on catalogue entries and on which points stay.
//
// The line (Catalogue::line) is what is thinned and merged. Beside it lie *anchors*: snapshots of one retired
// commit at the end of a segment of the line, from which restores set out, and which become the line's
// beginning when all before them goes. No merge reaches across an anchor.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archive/point_selection.h"

namespace litewright {

struct RetentionStep {
  enum class Kind {
    kRemoveRetired,   // objects that count for nothing any more (Catalogue::retired_segments)
    kRemoveReplaced,  // parts beside the object `by`, which an ended process made of them
    kRemoveAnchor,    // parts: one anchor that is not worth its bytes
    kRetire,          // all that begins before the snapshot `by`
    kThin,            // parts become one object, without the points that go
    kMerge,           // parts become one object
    kAnchor,          // a snapshot as of the end of `by`
  };
  Kind kind;
  std::vector<SegmentEntry> parts;
  std::optional<SegmentEntry> by;
};

struct RetentionLimits {
  // Points that go may wait until it is worth the work: at least half of what an object holds. Else each goes
  // at once.
  bool lazy = false;
  bool no_anchors = false;  // none is made, and those that are there go
  std::size_t most_parts = 64;
  std::uint64_t most_bytes = 256 << 20;  // of the parts of one step; one alone may be larger
  std::uint64_t most_commits = 1 << 16;
  std::size_t merge_from = 16;                // so many neighbours of like size are merged
  std::uint64_t least_anchor_gap = 64 << 20;  // bytes of the line from one anchor to the next
};

// What earlier steps of the same work found out.
struct RetentionPast {
  std::set<std::string> left_alone;  // names of objects that a step failed on
  std::set<Txid> anchored;           // where an anchor was made: no second one, should that have gone
};

// The next step; nullopt: all is as the selection wants it. Gaps and damage are left as they are. It comes to
// rest: points that go and objects beside anchors only become fewer, and at the end of a segment an anchor is
// made once.
std::optional<RetentionStep> next_retention_step(const Catalogue& catalogue, const PointSelection& selection,
                                                 const RetentionLimits& limits,
                                                 const RetentionPast& past = {});

}  // namespace litewright
