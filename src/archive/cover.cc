#include "archive/cover.h"

#include <algorithm>

namespace litewright {

namespace {

// The better next segment of a chain that wants to reach `upto`; `best` may be null.
bool better(const SegmentEntry& candidate, const SegmentEntry* best, Txid upto) {
  if (best == nullptr) return true;
  const bool reaches = candidate.last.txid >= upto;
  const bool best_reaches = best->last.txid >= upto;
  if (reaches && best_reaches) return candidate.size < best->size;
  return candidate.last.txid > best->last.txid;
}

}  // namespace

bool footer_holds(const SegmentEntry& entry, Txid txid) {
  return entry.first.txid == txid || entry.last.txid == txid;
}

SegmentChain follow_chain(std::span<const SegmentEntry> segments, const SegmentEntry& snapshot, Txid upto,
                          const HoldsCommit& holds) {
  // Whether a state inside a thinned segment is wanted that it no longer has.
  const auto lacks = [&](const SegmentEntry& entry) {
    return entry.thinned() && upto < entry.last.txid && !holds(entry, upto);
  };
  if (lacks(snapshot)) return {{&snapshot}, Txid(0)};
  SegmentChain chain{{&snapshot}, std::min(snapshot.last.txid, upto)};
  const SegmentEntry* best = nullptr;
  auto candidate = segments.begin();
  while (chain.reach < upto) {
    for (; candidate != segments.end() && candidate->header.base <= chain.reach; ++candidate) {
      if (candidate->is_snapshot() || candidate->header.page_size != snapshot.header.page_size) continue;
      if (candidate->thinned() && (candidate->header.base != chain.reach || lacks(*candidate))) continue;
      if (better(*candidate, best, upto)) best = &*candidate;
    }
    if (best == nullptr || best->last.txid <= chain.reach) break;
    chain.segments.push_back(best);
    chain.reach = std::min(best->last.txid, upto);
  }
  return chain;
}

std::vector<CommitRange> joined(std::vector<CommitRange> ranges) {
  std::ranges::sort(ranges, {}, &CommitRange::first);
  std::vector<CommitRange> result;
  for (const CommitRange& range : ranges) {
    if (!result.empty() && range.first.value <= result.back().last.value + 1) {
      result.back().last = std::max(result.back().last, range.last);
    } else {
      result.push_back(range);
    }
  }
  return result;
}

std::vector<CommitRange> restorable_commits(std::span<const SegmentEntry> segments) {
  constexpr Txid kNewest(~std::uint64_t{0});
  std::vector<CommitRange> ranges;
  for (const SegmentEntry& entry : segments) {
    if (!entry.is_snapshot()) continue;
    ranges.push_back({entry.first.txid, follow_chain(segments, entry, kNewest).reach});
  }
  return joined(std::move(ranges));
}

std::vector<CommitRange> without(const CommitRange& whole, std::span<const CommitRange> parts) {
  std::vector<CommitRange> rest;
  Txid next = whole.first;
  for (const CommitRange& part : parts) {
    if (part.last < next) continue;
    if (part.first > whole.last) break;
    if (part.first > next) rest.push_back({next, Txid(part.first.value - 1)});
    next = part.last.next();
  }
  if (next <= whole.last) rest.push_back({next, whole.last});
  return rest;
}

}  // namespace litewright
