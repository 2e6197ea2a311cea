// Which segments give the database as of a commit: pure, no I/O but the commit index of one segment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "archive/catalogue.h"

namespace litewright {

// What the user asked for: exactly one is set, or none for the newest.
struct RestorePoint {
  std::optional<WallTime> at;  // the newest commit seen at or before
  std::optional<Txid> tx;
  std::optional<std::string> name;
};

// Of a segment of a plan only the versions with after < txid <= upto count: it may begin before the end of
// the one before it, and end after the commit wanted.
struct TxidWindow {
  Txid after, upto;
  bool holds(Txid txid) const { return after < txid && txid <= upto; }
};

struct RestorePlan {
  CommitRecord commit;  // the state to make
  std::uint32_t page_size = 0;
  std::vector<SegmentEntry> segments;  // oldest first; [0] is the snapshot; later versions override
  std::uint64_t bytes_to_read = 0;     // sum of the objects' sizes

  // One a segment: contiguous, without overlap, from 0 to the commit.
  std::vector<TxidWindow> windows() const;
};

// Throws Error{kNoDatabase} where the point is not in the archive (message names the nearest commits on both
// sides with their times, hint shows `litewright log`) or was thinned out, Error{kDamaged} where objects it
// needs are missing (names the txids).
//
// The snapshot is the newest at or before the commit from which a chain of segments without a gap leads to
// it; where several segments lead on, the widest, and of those that reach the commit the smallest object.
RestorePlan plan_restore(const ObjectStore& store, const Catalogue& catalogue, const RestorePoint& point);

// Catalogue and plan as of one moment: where retention removed an object between the two, both are made anew.
struct PlannedRestore {
  Catalogue catalogue;
  RestorePlan plan;
};
PlannedRestore plan_restore_now(const ObjectStore& store, const RestorePoint& point);

// For whoever met an object that is gone: whether that is because the archive's segments are others by now
// than in `catalogue`, which then is loaded anew. Beside an archiver that merges at full rate a reader may
// meet this many times on end: it pauses before it goes on, the longer the more `reloads` it has behind it.
bool reload_if_changed(const ObjectStore& store, Catalogue& catalogue, int reloads);
inline constexpr int kMostReloads = 250;  // of one reader, before it gives up

}  // namespace litewright
