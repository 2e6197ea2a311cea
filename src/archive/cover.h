// Which commits a set of segments covers, and which of them can be restored: pure, on catalogue entries.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "archive/catalogue.h"

namespace litewright {

// A snapshot and the segments that lead on from it without a gap.
struct SegmentChain {
  std::vector<const SegmentEntry*> segments;  // [0] is the snapshot
  Txid reach;                                 // the newest commit it gives, at most the one asked for
};

// Whether a thinned segment gives a commit that it spans. Without its index only the first and the last are
// known.
using HoldsCommit = std::function<bool(const SegmentEntry&, Txid)>;
bool footer_holds(const SegmentEntry& entry, Txid txid);

// The chain from `snapshot` towards the commit `upto`: at each place the segment that reaches furthest, of
// those that reach `upto` the smallest object. A segment of another page size never follows, a thinned one
// only exactly at its base. `segments` ascend by (base, last).
SegmentChain follow_chain(std::span<const SegmentEntry> segments, const SegmentEntry& snapshot, Txid upto,
                          const HoldsCommit& holds = footer_holds);

// Commits first to last, both inclusive.
struct CommitRange {
  Txid first, last;
  bool holds(Txid txid) const { return first <= txid && txid <= last; }
};

// Ascending, disjoint, not adjoining: what can be restored from `segments`.
std::vector<CommitRange> restorable_commits(std::span<const SegmentEntry> segments);

// The parts of `whole` that are in none of `parts` (ascending, disjoint).
std::vector<CommitRange> without(const CommitRange& whole, std::span<const CommitRange> parts);

// Sorted, overlapping and adjoining ones joined.
std::vector<CommitRange> joined(std::vector<CommitRange> ranges);

}  // namespace litewright
