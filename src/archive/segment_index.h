// What a reader knows of an opened segment and of one of its runs: shared by Segment and RunCursor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "archive/segment.h"
#include "archive/segment_format.h"
#include "store/object_store.h"

namespace litewright {

// Invariants after open: the parts of the object lie one after another without gap or overlap, as run table
// and footer say, and all declared sizes are within the object.
struct Segment::State {
  std::string name;
  std::unique_ptr<ObjectReader> object;
  segment_format::Footer footer;
  std::vector<segment_format::RunEntry> runs;
  std::vector<RunInfo> infos;

  // Throws Error{kDamaged}: "segments/…: " + what.
  [[noreturn]] void damaged(const std::string& what) const;
  std::vector<std::byte> read(std::uint64_t offset, std::size_t size) const;
};

// The frames of a run with where each lies; checked against the run's entry.
struct RunFrames {
  struct Frame {
    segment_format::FrameEntry entry;
    std::uint64_t offset = 0;        // in the object
    std::uint32_t ended_before = 0;  // in the run: where its part of the page checksums begins
  };
  RunFrames(const Segment::State& segment, std::size_t run);
  std::vector<Frame> frames;
};

}  // namespace litewright
