// Which segments are of another line: pure, on catalogue entries. Each segment's footer bears witness of the
// state it was built on and of some states before (docs/formats/segment.md). Where an archive holds another
// state of such a commit, an object that a copy of this archive made was put in the place of ours, or an
// archive was mixed from two.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "archive/catalogue.h"

namespace litewright {

// The ends of the newest segments of a line, from which the next segment's witnesses are taken.
class WitnessedLine {
 public:
  void add(const CommitRecord& end);
  // Of the newest end, and of those 1, 2, 3, 7 and 15 before it: near ones, because several neighbours may be
  // foreign; far ones, because many may.
  StateWitnesses witnesses() const;

 private:
  std::deque<StateWitness> ends_;  // the newest last; at most kKept
};

struct DisputedSegment {
  std::size_t index = 0;  // in the span
  std::string reason;
};

// Those to be left out, so that all that stay agree with each other. Who contradicts most goes first; of two
// that contradict each other alone nobody knows which is foreign, and both go. Where a line ends with several
// foreign segments and one of our own, the majority is theirs and can't be told from ours.
std::vector<DisputedSegment> disputed_segments(std::span<const SegmentEntry> segments);

}  // namespace litewright
