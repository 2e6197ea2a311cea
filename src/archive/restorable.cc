#include "archive/restorable.h"

#include <algorithm>

namespace litewright {
namespace {

// What chains within `range` may be made of: a thinned segment leads on from its base alone.
std::vector<const SegmentEntry*> line_within(const Catalogue& catalogue, const CommitRange& range,
                                             Catalogue& part) {
  for (const SegmentEntry& entry : catalogue.segments) {
    if (entry.last.txid < range.first || entry.last.txid > range.last) continue;
    if (entry.thinned() && entry.start().next() < range.first) continue;
    part.segments.push_back(entry);
  }
  return part.line();
}

// One range's: what was thinned out in places, up to the last such place, and every commit from there on.
class Stretches {
 public:
  Stretches(const CommitRange& range, std::vector<RestorableStretch>& out)
      : out_(out), before_(out.size()), end_(range.first.value - 1) {}

  void add(const SegmentEntry& entry) {
    const Txid first = std::max(entry.start(), end_).next();
    end_ = entry.last.txid;
    const bool every = !entry.thinned();
    const std::uint64_t points =
        every ? end_.value - first.value + 1 : entry.commits - (entry.last.retired ? 1 : 0);
    if (!every) join();
    if (points == 0) return;
    if (out_.size() == before_ || (every && !out_.back().every)) {
      out_.push_back({.every = every, .first = every ? first : entry.first.txid});
      if (out_.back().first == entry.first.txid) out_.back().first_seen = entry.first.seen_at;
    }
    extend(out_.back(), entry, points);
  }

 private:
  static void extend(RestorableStretch& stretch, const SegmentEntry& entry, std::uint64_t points) {
    stretch.points += points;
    stretch.last = entry.last.txid;
    stretch.last_seen.reset();
    if (!entry.last.retired) stretch.last_seen = entry.last.seen_at;
  }

  // What there is becomes one that was thinned out.
  void join() {
    if (out_.size() == before_) return;
    const RestorableStretch newest = out_.back();
    if (out_.size() - before_ == 2) {
      out_.pop_back();
      out_.back().points += newest.points;
      out_.back().last = newest.last;
      out_.back().last_seen = newest.last_seen;
    }
    out_.back().every = false;
  }

  std::vector<RestorableStretch>& out_;
  std::size_t before_;  // stretches of earlier ranges
  Txid end_;
};

}  // namespace

std::vector<RestorableStretch> restorable_stretches(const Catalogue& catalogue) {
  std::vector<RestorableStretch> found;
  for (const CommitRange& range : restorable_commits(catalogue.segments)) {
    Stretches stretches(range, found);
    Catalogue part;
    for (const SegmentEntry* entry : line_within(catalogue, range, part)) stretches.add(*entry);
  }
  return found;
}

std::optional<CommitRange> range_by_name(const std::string& name) {
  const auto range = parse_segment_name(name);
  if (!range) return std::nullopt;
  return CommitRange{range->first.next(), range->second};
}

std::vector<CommitRange> lost_commits(const Catalogue& catalogue, std::span<const CommitRange> restorable) {
  std::vector<CommitRange> known;
  for (const SegmentEntry& entry : catalogue.segments)
    known.push_back({entry.start().next(), entry.last.txid});
  for (const BadObject& object : catalogue.bad_objects) {
    // Of a snapshot that can't be read only the newest commit is sure.
    if (const auto range = range_by_name(object.name)) {
      known.push_back(range->first.value == 1 ? CommitRange{range->last, range->last} : *range);
    }
  }
  for (const MissingRange& range : catalogue.missing()) known.push_back({range.base.next(), range.last});
  known = joined(std::move(known));
  if (known.empty()) return {};
  return without({known.front().first, known.back().last}, restorable);
}

}  // namespace litewright
