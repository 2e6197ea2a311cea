// Many runs read as one: their versions in ascending order of page, those of one page in order of arrival.
// What restore, verify and compaction go through.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "archive/restore_plan.h"
#include "archive/segment.h"

namespace litewright {

// One run of a segment, of which the versions inside `window` count.
struct MergeSource {
  const Segment* segment = nullptr;  // outlives the merge
  std::size_t run = 0;
  TxidWindow window{Txid(0), Txid(~std::uint64_t{0})};

  const RunInfo& info() const { return segment->runs()[run]; }
};

// The runs of `segment` in order, each with `window`.
void append_sources(const Segment& segment, TxidWindow window, std::vector<MergeSource>& sources);

// How many of the sources hold one and the same page at most: that many cursors are open at once.
std::size_t overlap(std::span<const MergeSource> sources);

// The sources cut, in order, into as few parts as keep overlap() of each within `limit` (at least 1).
std::vector<std::span<const MergeSource>> cut_by_overlap(std::span<const MergeSource> sources,
                                                         std::size_t limit);

// Sources stand in order of arrival. A run is opened when the merge comes to its first page and closed after
// its last, so memory is a decoded frame for each of overlap() runs. Not thread-safe; several merges may
// share segments. Damage throws Error{kDamaged} from next() and the constructor.
class PageMerge {
 public:
  // With `only`, most of the pages that are not in it are left out.
  PageMerge(std::span<const MergeSource> sources, PageNumber from, PageNumber to,
            const PageSet* only = nullptr);

  // The next version, null at the end. Borrowed until the next call.
  const PageVersion* next();
  // Where the version that next() gave last came from.
  const MergeSource& source() const { return sources_[open_[heap_.front().slot].source]; }

 private:
  struct Open {
    std::size_t source = 0;
    std::optional<RunCursor> cursor;
    PageVersion version;
  };
  struct Place {
    std::uint64_t order = 0;  // page, then source
    std::size_t slot = 0;
  };

  void open_due();
  bool advance(Open& open);
  void settle_front();
  void remove_front();

  std::span<const MergeSource> sources_;
  PageNumber from_, to_;
  const PageSet* only_;
  std::vector<std::size_t> pending_;  // sources not yet opened, the lowest first page last
  std::vector<Open> open_;
  std::vector<std::size_t> free_slots_;
  std::vector<Place> heap_;  // smallest order first
  bool given_ = false;       // the front's version was handed out: it advances before the next
};

}  // namespace litewright
