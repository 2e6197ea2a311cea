// Where the archive's line of commits ends, and what a stay at the database puts behind it: shared by those
// who follow a WAL and those who compare.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "archive/catalogue.h"
#include "archive/ledger.h"
#include "archive/state_witness.h"
#include "base/finding.h"

namespace litewright {

// Invariant: a segment made with header() continues the line; it is a snapshot (base 0) where nothing is
// archived yet, only pages of another size, which no page of the database can be a version of, or where
// damage keeps anybody from knowing the pages at the line's end (docs/decisions/0008). Its commits' numbers
// are above all that the archive names, in damaged objects too.
class LineEnd {
 public:
  // kAnew: nothing archived is built on any more.
  enum class Begin { kWhereItEnds, kAnew };
  // Fills the empty ledger with the state at the line's end, unless that has pages of another size or can't
  // be had: then all pages are new ones. `fence` is the owner's.
  LineEnd(const ObjectStore& store, const Catalogue& catalogue, std::uint32_t page_size, std::uint64_t fence,
          Ledger& ledger, Begin begin = Begin::kWhereItEnds);

  const std::optional<CommitRecord>& newest() const { return newest_; }
  // Of the WAL where the newest commit ended; absent where the next segment is a snapshot.
  const std::optional<WalPosition>& position() const { return position_; }
  bool other_page_size() const { return other_page_size_; }
  // Why the state at the line's end can't be had, where it can't.
  const std::optional<std::string>& damage() const { return damage_; }
  // The ledger has the newest commit's pages.
  bool goes_on() const { return header_.base > Txid(0); }
  // The highest number in use; above newest() where the object that has it is damaged or gone.
  Txid last() const { return last_; }
  WallTime last_seen_at() const { return newest_ ? newest_->seen_at : WallTime{}; }

  // The next segment's, up to `last`.
  SegmentHeader header(Txid last) const;
  // It is on its way: the next one begins behind it. `commits`: the segment's, at least its last.
  void sealed(Txid last, std::span<const CommitRecord> commits);

  // The commits at the end are on no line of the database any more: the next segment begins an epoch. Once
  // for each segment.
  void fork();
  std::uint32_t epoch() const { return header_.epoch; }

 private:
  SegmentHeader header_;
  std::optional<CommitRecord> newest_;
  Txid last_;
  WitnessedLine ends_;
  std::optional<WalPosition> position_;
  bool other_page_size_ = false;
  std::optional<std::string> damage_;
};

// What is said where the line can't be gone on with; nullopt where it can.
std::optional<Finding> damaged_line_finding(const LineEnd& line, const std::string& database);
// ... and when history goes on.
std::optional<Finding> mended_line_finding(const LineEnd& line, const std::string& database);

}  // namespace litewright
