#include "archive/point_selection.h"

#include <algorithm>
#include <bit>
#include <ranges>

namespace litewright {

PointSelection::PointSelection(Txid base, Txid last)
    : base_(base), last_(last), bits_((last.value - base.value) / 64 + 1) {}

void PointSelection::add(const CommitRecord& commit, KeepReason reason, std::uint64_t protected_newest) {
  if (points_ == 0 || points_ < protected_newest) protected_from_ = commit.txid;
  ++points_;
  if (reason != KeepReason::kNone) {
    ++kept_;
    bits_[bit(commit.txid) / 64] |= std::uint64_t{1} << bit(commit.txid) % 64;
    if (reason == KeepReason::kPinned) pinned_.push_back(commit.txid);
    KeptPoints& reasons = reasons_[static_cast<std::size_t>(reason)];
    ++reasons.points;
    reasons.oldest = commit;
    if (!reasons.newest) reasons.newest = commit;
    in_range_ = false;
    return;
  }
  if (!in_range_ && dropped_.size() == kMostRanges) {
    ++untold_;
    return;
  }
  if (!in_range_) dropped_.push_back({.first = commit, .last = commit});
  in_range_ = true;
  dropped_.back().first = commit;
  ++dropped_.back().points;
}

void PointSelection::pin(Txid txid) {
  if (std::ranges::find(pinned_, txid) == pinned_.end()) pinned_.push_back(txid);
  if (txid <= base_ || keeps(txid)) return;
  bits_[bit(txid) / 64] |= std::uint64_t{1} << bit(txid) % 64;
  ++kept_;
}

bool PointSelection::is_protected(Txid txid) const {
  return txid >= protected_from_ || std::ranges::find(pinned_, txid) != pinned_.end();
}

std::uint64_t PointSelection::drop_before(Txid floor) {
  std::uint64_t dropped = 0;
  for (Txid txid = oldest_kept(); txid.value > 0 && txid < floor; ++txid) {
    if (!keeps(txid) || is_protected(txid)) continue;
    bits_[bit(txid) / 64] &= ~(std::uint64_t{1} << bit(txid) % 64);
    --kept_;
    ++dropped;
  }
  return dropped;
}

bool PointSelection::keeps(Txid txid) const {
  if (txid > last_) return true;  // newer than what was judged
  return txid > base_ && (bits_[bit(txid) / 64] >> bit(txid) % 64 & 1) != 0;
}

std::uint64_t PointSelection::kept(Txid after, Txid upto) const {
  std::uint64_t count = upto > last_ ? upto.value - std::max(last_, after).value : 0;
  const Txid end = std::min(upto, last_);
  for (Txid txid = std::max(after, base_).next(); txid <= end;) {
    const std::size_t at = bit(txid);
    if (at % 64 == 0 && end.value - txid.value >= 63) {
      count += static_cast<std::uint64_t>(std::popcount(bits_[at / 64]));
      txid = Txid(txid.value + 64);
    } else {
      count += bits_[at / 64] >> at % 64 & 1;
      ++txid;
    }
  }
  return count;
}

Txid PointSelection::oldest_kept() const {
  if (last_.value == 0) return Txid(1);
  for (std::size_t word = 0; word < bits_.size(); ++word) {
    if (bits_[word] == 0) continue;
    return Txid(base_.value + 1 + word * 64 + static_cast<std::size_t>(std::countr_zero(bits_[word])));
  }
  return Txid(0);
}

std::uint64_t PointSelection::unprotected() const {
  std::uint64_t count = 0;
  for (Txid txid = base_.next(); txid < protected_from_; ++txid) count += keeps(txid) && !is_protected(txid);
  return count;
}

std::optional<Txid> PointSelection::nth_unprotected(std::uint64_t nth) const {
  for (Txid txid = base_.next(); txid < protected_from_; ++txid) {
    if (keeps(txid) && !is_protected(txid) && --nth == 0) return txid;
  }
  return std::nullopt;
}

PointSelection select_points(const ObjectStore& store, const Catalogue& catalogue, const KeepRules& rules,
                             WallTime now, const LocalOffset& offset,
                             const std::function<void(const CommitRecord&, KeepReason)>& each) {
  const std::vector<const SegmentEntry*> line = catalogue.line();
  if (line.empty()) return PointSelection(Txid(0), Txid(0));
  std::vector<Txid> pinned;
  for (const NamedPoint& point : catalogue.points) pinned.push_back(point.txid);
  if (const RestoreProof* proof = catalogue.newest_proof()) pinned.push_back(proof->txid);
  std::ranges::sort(pinned);
  PointSelection selection(line.front()->start(), line.back()->last.txid);
  KeepJudge judge(rules, now, offset);
  for (std::size_t i = line.size(); i-- > 0;) {
    const Txid after = i == 0 ? Txid(0) : line[i - 1]->last.txid;
    const std::vector<CommitRecord> commits = Segment(store, line[i]->name).commits();
    for (const CommitRecord& commit : commits | std::views::reverse) {
      if (commit.txid <= after || commit.retired) continue;
      const bool pin = std::ranges::binary_search(pinned, commit.txid);
      const KeepReason reason = judge.judge(commit.seen_at, pin);
      selection.add(commit, reason, rules.min);
      if (each) each(commit, reason);
    }
  }
  return selection;
}

}  // namespace litewright
