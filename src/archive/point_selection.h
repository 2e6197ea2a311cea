// Which commits of an archive stay restore points under rules: told commit by commit from the newest on, so
// that millions of them cost a bit each.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "archive/catalogue.h"
#include "archive/keep_rules.h"

namespace litewright {

inline constexpr std::size_t kKeepReasons = static_cast<std::size_t>(KeepReason::kYearly) + 1;

// Restore points that stay for one reason.
struct KeptPoints {
  std::uint64_t points = 0;
  std::optional<CommitRecord> oldest, newest;
};

// Neighbouring restore points that go.
struct DroppedRange {
  CommitRecord first, last;
  std::uint64_t points = 0;
};

class PointSelection {
 public:
  static constexpr std::size_t kMostRanges = 1000;  // told one by one, the newest

  // Of the commits (base, last]; none of these is kept, all newer ones are.
  PointSelection(Txid base, Txid last);
  static PointSelection of_all() { return PointSelection(Txid(0), Txid(0)); }

  // The next older restore point. `pinned`: named, or the newest proven one.
  void add(const CommitRecord& commit, KeepReason reason, std::uint64_t protected_newest);
  // A point that was named, or proven, after all were judged.
  void pin(Txid txid);
  // Lets go the points before `floor` that nothing protects; gives how many. Not told in kept_for().
  std::uint64_t drop_before(Txid floor);

  bool keeps(Txid txid) const;
  std::uint64_t kept(Txid after, Txid upto) const;  // points that stay in (after, upto]
  Txid oldest_kept() const;                         // 0: none
  // From here on no point goes, whatever the room: the newest, and as many as --keep-min says.
  Txid protected_from() const { return protected_from_; }
  std::uint64_t unprotected() const;  // points that stay and might go
  std::optional<Txid> nth_unprotected(
      std::uint64_t nth) const;  // of them, from the oldest on, counted from 1

  std::uint64_t points() const { return points_; }
  std::uint64_t kept() const { return kept_; }
  const KeptPoints& kept_for(KeepReason reason) const { return reasons_[static_cast<std::size_t>(reason)]; }
  const std::vector<DroppedRange>& dropped() const { return dropped_; }  // the newest first
  std::uint64_t dropped_untold() const { return untold_; }               // points in further ranges

 private:
  std::size_t bit(Txid txid) const { return static_cast<std::size_t>(txid.value - base_.value - 1); }
  bool is_protected(Txid txid) const;

  Txid base_, last_;
  std::vector<std::uint64_t> bits_;
  std::vector<Txid> pinned_;
  std::uint64_t points_ = 0, kept_ = 0, untold_ = 0;
  Txid protected_from_;
  bool in_range_ = false;
  std::array<KeptPoints, kKeepReasons> reasons_;
  std::vector<DroppedRange> dropped_;
};

// Judges every restore point of the catalogue's line; `each`, if given, hears of each. max_bytes is not
// judged: sizes show only when it is done (retention.h). Reads the commit indexes. Throws Error{kDamaged}
// where one can't be read: then nothing is judged.
PointSelection select_points(const ObjectStore& store, const Catalogue& catalogue, const KeepRules& rules,
                             WallTime now, const LocalOffset& offset = system_local_offset,
                             const std::function<void(const CommitRecord&, KeepReason)>& each = {});

}  // namespace litewright
