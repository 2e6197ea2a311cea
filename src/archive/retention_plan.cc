#include "archive/retention_plan.h"

#include <algorithm>
#include <map>

#include "archive/compaction.h"
#include "archive/cover.h"

namespace litewright {

namespace {

using Kind = RetentionStep::Kind;

// An anchor is made when the line since the last one is so many times as large, and goes below half of it.
constexpr std::uint64_t kAnchorWorth = 4;
constexpr std::uint64_t kFirstTier = 64 << 10;  // bytes
constexpr std::uint64_t kTierFactor = 8;

// Whether `made` is of the same commits as `from` and of a later generation.
bool was_made_of(const SegmentEntry& from, const SegmentEntry& made) {
  const auto order = [](const SegmentEntry& entry) { return std::pair(entry.name.size(), entry.name); };
  return from.header.base == made.header.base && from.last.txid == made.last.txid &&
         order(from) < order(made);
}

class Planner {
 public:
  Planner(const Catalogue& catalogue, const PointSelection& selection, const RetentionLimits& limits,
          const RetentionPast& past)
      : catalogue_(catalogue), selection_(selection), limits_(limits), past_(past) {
    set_anchors_aside();
    line_ = rest_.line();
  }

  std::optional<RetentionStep> next() const {
    if (!catalogue_.retired_segments.empty()) return RetentionStep{Kind::kRemoveRetired, {}, {}};
    if (line_.empty() || selection_.oldest_kept().value == 0) return std::nullopt;
    for (const auto step : {&Planner::remove_replaced, &Planner::retire, &Planner::remove_anchor,
                            &Planner::thin, &Planner::merge, &Planner::make_anchor}) {
      if (auto found = (this->*step)()) return found;
    }
    return std::nullopt;
  }

 private:
  bool usable(const SegmentEntry& entry) const { return !past_.left_alone.contains(entry.name); }

  void set_anchors_aside() {
    std::vector<const SegmentEntry*> widest;  // by start, each reaching further than those before
    std::vector<const SegmentEntry*> by_start;
    for (const SegmentEntry& entry : catalogue_.segments) {
      if (!entry.is_snapshot()) by_start.push_back(&entry);
    }
    std::ranges::sort(by_start, {}, &SegmentEntry::start);
    // Where the line begins is no anchor, whatever an ended process left beside it.
    Txid beginning(~std::uint64_t{0});
    for (const SegmentEntry& entry : catalogue_.segments) {
      if (entry.is_snapshot()) beginning = std::min(beginning, entry.start());
    }
    for (const SegmentEntry* entry : by_start) {
      if (widest.empty() || entry->last.txid > widest.back()->last.txid) widest.push_back(entry);
    }
    for (const SegmentEntry& entry : catalogue_.segments) {
      const auto after = std::ranges::upper_bound(widest, entry.start(), {}, &SegmentEntry::start);
      const bool spanned = after != widest.begin() && (*std::prev(after))->last.txid >= entry.last.txid;
      const bool anchor = entry.is_snapshot() && entry.commits == 1 && entry.last.retired && spanned &&
                          entry.start() > beginning;
      (anchor ? anchors_ : rest_.segments).push_back(entry);
    }
    std::ranges::sort(anchors_, {}, [](const SegmentEntry& entry) { return entry.last.txid; });
  }

  std::uint64_t points(const SegmentEntry& entry) const {
    return entry.commits - (entry.last.retired ? 1 : 0);
  }
  std::uint64_t dropped(const SegmentEntry& entry) const {
    const std::uint64_t all = points(entry);
    return all - std::min(all, selection_.kept(entry.start(), entry.last.txid));
  }

  // --- what ended processes left ---
  std::optional<RetentionStep> remove_replaced() const {
    std::map<const SegmentEntry*, std::vector<SegmentEntry>> replaced;
    for (const SegmentEntry& entry : rest_.segments) {
      const SegmentEntry* by = replacement_of(entry);
      if (by != nullptr && usable(*by) && usable(entry)) replaced[by].push_back(entry);
    }
    if (replaced.empty()) return std::nullopt;
    return RetentionStep{Kind::kRemoveReplaced, replaced.begin()->second, *replaced.begin()->first};
  }

  const SegmentEntry* replacement_of(const SegmentEntry& entry) const {
    const auto after = std::ranges::upper_bound(line_, entry.start(), {},
                                                [](const SegmentEntry* other) { return other->start(); });
    if (after == line_.begin()) return nullptr;
    const SegmentEntry* other = *std::prev(after);
    const bool covers = other->last.txid >= entry.last.txid && other->name != entry.name &&
                        (other->is_snapshot() || !entry.is_snapshot()) &&
                        other->header.page_size == entry.header.page_size &&
                        other->header.epoch == entry.header.epoch;
    return covers && !was_made_of(*other, entry) ? other : nullptr;
  }

  // --- old history ---
  std::optional<RetentionStep> retire() const {
    const auto oldest = catalogue_.oldest();
    if (!oldest) return std::nullopt;
    const SegmentEntry* best = nullptr;
    for (const SegmentEntry& entry : catalogue_.segments) {
      if (!entry.is_snapshot() || !usable(entry) || entry.first.txid <= oldest->txid) continue;
      if (best != nullptr && entry.first.txid <= best->first.txid) continue;
      const Txid first_point =
          entry.commits == 1 && entry.last.retired ? entry.last.txid.next() : entry.first.txid;
      if (selection_.oldest_kept() >= first_point && loses_nothing(entry)) best = &entry;
    }
    if (best == nullptr) return std::nullopt;
    return RetentionStep{Kind::kRetire, {}, *best};
  }

  // Whether all that can be restored from `snapshot` on still can without what begins before it.
  bool loses_nothing(const SegmentEntry& snapshot) const {
    std::vector<SegmentEntry> left;
    for (const SegmentEntry& entry : catalogue_.segments) {
      if (entry.start() >= snapshot.start()) left.push_back(entry);
    }
    return gives_as_much(left, snapshot.first.txid);
  }

  // From commit `from` on.
  bool gives_as_much(const std::vector<SegmentEntry>& left, Txid from) const {
    const CommitRange whole{from, catalogue_.newest()->txid};
    const auto lost = [&](const std::vector<SegmentEntry>& segments) {
      std::uint64_t commits = 0;
      for (const CommitRange& range : without(whole, restorable_commits(segments)))
        commits += range.last.value - range.first.value + 1;
      return commits;
    };
    return lost(left) == lost(catalogue_.segments);
  }

  // --- anchors ---
  std::uint64_t line_bytes(Txid after, Txid upto) const {
    std::uint64_t bytes = 0;
    for (const SegmentEntry* entry : line_) {
      if (!entry->is_snapshot() && entry->start() >= after && entry->last.txid <= upto) bytes += entry->size;
    }
    return bytes;
  }

  std::optional<RetentionStep> remove_anchor() const {
    for (std::size_t i = 0; i < anchors_.size(); ++i) {
      if (!usable(anchors_[i])) continue;
      const Txid before = i > 0 ? anchors_[i - 1].last.txid : line_.front()->last.txid;
      const Txid behind = i + 1 < anchors_.size() ? anchors_[i + 1].last.txid : line_.back()->last.txid;
      const std::uint64_t worth = std::max(kAnchorWorth * anchors_[i].size, limits_.least_anchor_gap) / 2;
      const bool worthless = limits_.no_anchors || line_bytes(before, behind) < worth;
      if (worthless && is_superfluous(anchors_[i])) {
        return RetentionStep{Kind::kRemoveAnchor, {anchors_[i]}, {}};
      }
    }
    return std::nullopt;
  }

  bool is_superfluous(const SegmentEntry& anchor) const {
    std::vector<SegmentEntry> left = catalogue_.segments;
    std::erase_if(left, [&](const SegmentEntry& entry) { return entry.name == anchor.name; });
    return gives_as_much(left, Txid(1));
  }

  std::optional<RetentionStep> make_anchor() const {
    if (limits_.no_anchors || line_.size() < 3) return std::nullopt;
    const SegmentEntry* newest = line_.front();
    for (const SegmentEntry* entry : line_) {
      if (entry->is_snapshot()) newest = entry;
    }
    if (!anchors_.empty() && anchors_.back().last.txid > newest->last.txid) newest = &anchors_.back();
    const SegmentEntry& end = *line_[line_.size() - 2];
    const bool fits = !end.is_snapshot() && usable(end) && newest->is_snapshot() &&
                      end.header.page_size == newest->header.page_size && end.last.txid > newest->last.txid &&
                      !past_.anchored.contains(end.last.txid);
    const std::uint64_t worth = std::max(kAnchorWorth * size_as_of(*newest, end), limits_.least_anchor_gap);
    if (!fits || line_bytes(newest->last.txid, end.last.txid) < worth) return std::nullopt;
    return RetentionStep{Kind::kAnchor, {}, end};
  }

  // What a snapshot as of `end` will about take: pages compress as in the one before, or worse.
  static std::uint64_t size_as_of(const SegmentEntry& snapshot, const SegmentEntry& end) {
    const std::uint64_t pages = std::max<std::uint64_t>(1, snapshot.last.page_count);
    return snapshot.size * std::max<std::uint64_t>(pages, end.last.page_count) / pages;
  }

  bool is_anchored(Txid txid) const {
    return std::ranges::binary_search(anchors_, txid, {}, [](const SegmentEntry& a) { return a.last.txid; });
  }

  // --- the line ---
  // Whether line_[i] may stand behind line_[i - 1] in one object.
  bool adjoins(std::size_t i) const {
    const SegmentEntry& before = *line_[i - 1];
    const SegmentEntry& entry = *line_[i];
    return !entry.is_snapshot() && entry.header.base == before.last.txid &&
           entry.header.page_size == before.header.page_size && entry.header.epoch == before.header.epoch &&
           !is_anchored(before.last.txid) && usable(entry) && usable(before);
  }

  // A thinned object follows only exactly at its base.
  bool may_be_thinned(std::size_t i) const {
    const SegmentEntry& entry = *line_[i];
    if (i == 0 || !usable(entry)) return usable(entry);
    if (!entry.is_snapshot()) return entry.header.base == line_[i - 1]->last.txid;
    // Pages of another size: till it is the oldest it must begin where it does.
    return entry.commits == 1 || selection_.keeps(entry.first.txid);
  }

  bool wants_thinning(std::size_t i) const {
    const std::uint64_t gone = dropped(*line_[i]);
    if (gone == 0 || !may_be_thinned(i)) return false;
    return !limits_.lazy || gone * 2 >= points(*line_[i]);
  }

  // From line_[i] on as many as `wanted` and the limits let stand in one object.
  template <typename Wanted>
  std::vector<SegmentEntry> group(std::size_t i, const Wanted& wanted) const {
    std::vector<SegmentEntry> parts = {*line_[i]};
    std::uint64_t bytes = line_[i]->size;
    std::uint64_t commits = line_[i]->commits;
    for (++i; i < line_.size() && parts.size() < limits_.most_parts && adjoins(i) && wanted(i); ++i) {
      bytes += line_[i]->size;
      commits += line_[i]->commits;
      if (bytes > limits_.most_bytes || commits > std::min(limits_.most_commits, kMaxMergedCommits)) break;
      parts.push_back(*line_[i]);
    }
    return parts;
  }

  std::optional<RetentionStep> thin() const {
    for (std::size_t i = 0; i < line_.size(); ++i) {
      if (!wants_thinning(i)) continue;
      std::vector<SegmentEntry> parts = group(i, [this](std::size_t next) { return wants_thinning(next); });
      std::uint64_t gone = 0;
      for (const SegmentEntry& part : parts) gone += dropped(part);
      // What the last commit wrote stays, whatever becomes of it.
      if (!limits_.lazy || gone > 1) return RetentionStep{Kind::kThin, std::move(parts), {}};
      i += parts.size() - 1;
    }
    return std::nullopt;
  }

  std::optional<RetentionStep> merge() const {
    for (std::uint64_t tier = kFirstTier; tier <= limits_.most_bytes; tier *= kTierFactor) {
      const auto small = [&](std::size_t i) { return line_[i]->size < tier && !line_[i]->is_snapshot(); };
      for (std::size_t i = 0; i < line_.size(); ++i) {
        if (!small(i) || !may_be_thinned(i)) continue;
        std::vector<SegmentEntry> parts = group(i, small);
        if (parts.size() >= limits_.merge_from) return RetentionStep{Kind::kMerge, std::move(parts), {}};
        if (parts.size() > 1) i += parts.size() - 1;
      }
    }
    return std::nullopt;
  }

  const Catalogue& catalogue_;
  const PointSelection& selection_;
  const RetentionLimits& limits_;
  const RetentionPast& past_;
  std::vector<SegmentEntry> anchors_;  // ascending
  Catalogue rest_;                     // without them
  std::vector<const SegmentEntry*> line_;
};

}  // namespace

std::optional<RetentionStep> next_retention_step(const Catalogue& catalogue, const PointSelection& selection,
                                                 const RetentionLimits& limits, const RetentionPast& past) {
  return Planner(catalogue, selection, limits, past).next();
}

}  // namespace litewright
