// Where the archive's line of commits ends, and what a stay at the database puts behind it: shared by those
// who follow a WAL and those who compare.
#pragma once

#include <optional>
#include <string>

#include "archive/catalogue.h"
#include "archive/ledger.h"

namespace litewright {

// Invariant: a segment made with header() continues the line; it is a snapshot (base 0) where nothing is
// archived yet, or only pages of another size, which no page of the database can be a version of.
class LineEnd {
 public:
  // Fills the empty ledger with the state at the line's end, unless that has pages of another size: then all
  // pages are new ones. `fence` is the owner's.
  LineEnd(const ObjectStore& store, const Catalogue& catalogue, std::uint32_t page_size, std::uint64_t fence,
          Ledger& ledger);

  const std::optional<CommitRecord>& newest() const { return newest_; }
  // Of the WAL where the newest commit ended; absent where the pages were of another size.
  const std::optional<WalPosition>& position() const { return position_; }
  bool other_page_size() const { return other_page_size_; }
  Txid last() const { return newest_ ? newest_->txid : Txid(0); }
  WallTime last_seen_at() const { return newest_ ? newest_->seen_at : WallTime{}; }

  // The next segment's, up to `last`.
  SegmentHeader header(Txid last) const;
  // It is on its way: the next one begins behind it.
  void sealed(Txid last);

  // The commits at the end are on no line of the database any more: the next segment begins an epoch. Once
  // for each segment.
  void fork();
  std::uint32_t epoch() const { return header_.epoch; }

 private:
  SegmentHeader header_;
  std::optional<CommitRecord> newest_;
  std::optional<WalPosition> position_;
  bool other_page_size_ = false;
};

}  // namespace litewright
