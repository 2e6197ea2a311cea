#include "archive/restore_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "archive/cover.h"
#include "base/error.h"
#include "base/time_text.h"

namespace litewright {

namespace {

constexpr const char* kLogHint = "`litewright log` shows what can be restored";

constexpr std::chrono::milliseconds kPauseAReload{10};
constexpr std::chrono::milliseconds kLongestPause{250};

std::string shown(const CommitRecord& commit) {
  return fmt::format("{} ({})", commit.txid.value,
                     format_local_time(commit.seen_at, Precision::kMilliseconds));
}

std::string shown(Txid first, Txid last) {
  if (first == last) return fmt::format("commit {}", first.value);
  return fmt::format("commits {} to {}", first.value, last.value);
}

// The record of a restore point: from the footers where they have it, else from the index of a segment that
// spans it, the smallest first. A damaged index is passed over while there is another.
std::optional<CommitRecord> find_commit(const ObjectStore& store, const Catalogue& catalogue, Txid txid) {
  std::vector<const SegmentEntry*> holders;
  for (const SegmentEntry& entry : catalogue.segments) {
    for (const CommitRecord& commit : {entry.first, entry.last}) {
      if (commit.txid == txid && !commit.retired) return commit;
    }
    if (entry.spans(txid)) holders.push_back(&entry);
  }
  std::ranges::sort(holders, {}, &SegmentEntry::size);
  for (const SegmentEntry* holder : holders) {
    try {
      const std::vector<CommitRecord> commits = Segment(store, holder->name).commits();
      const auto found = std::ranges::lower_bound(commits, txid, {}, &CommitRecord::txid);
      if (found != commits.end() && found->txid == txid && !found->retired) return *found;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged || holder == holders.back()) throw;
    }
  }
  return std::nullopt;
}

// The nearest commits that the archive knows below and above `txid`, in words.
std::string neighbours(const Catalogue& catalogue, Txid txid) {
  const CommitRecord* before = nullptr;
  const CommitRecord* after = nullptr;
  for (const SegmentEntry& entry : catalogue.segments) {
    if (entry.last.txid < txid && (!before || before->txid < entry.last.txid)) before = &entry.last;
    if (entry.first.txid > txid && (!after || after->txid > entry.first.txid)) after = &entry.first;
  }
  std::string text = before ? "the nearest before is " + shown(*before) : "there is none before";
  return text + (after ? ", the nearest after is " + shown(*after) : ", there is none after");
}

// The restore points on both sides of `txid`, as far as the line goes.
struct NearestPoints {
  std::optional<CommitRecord> before, after;
};

NearestPoints nearest_points(const ObjectStore& store, const Catalogue& catalogue, Txid txid) {
  NearestPoints nearest;
  const std::vector<const SegmentEntry*> line = catalogue.line();
  for (auto entry = line.rbegin(); entry != line.rend() && !nearest.before; ++entry) {
    if ((*entry)->first.txid >= txid) continue;
    for (const CommitRecord& commit : Segment(store, (*entry)->name).commits()) {
      if (commit.txid < txid && !commit.retired) nearest.before = commit;
    }
  }
  for (auto entry = line.begin(); entry != line.end() && !nearest.after; ++entry) {
    if ((*entry)->last.txid <= txid) continue;
    for (const CommitRecord& commit : Segment(store, (*entry)->name).commits()) {
      if (commit.txid > txid && !commit.retired && !nearest.after) nearest.after = commit;
    }
  }
  return nearest;
}

// Where the archive had the commit and retention let it go.
void refuse_thinned_out(const ObjectStore& store, const Catalogue& catalogue, Txid txid) {
  const auto spans = [txid](const SegmentEntry& entry) { return entry.spans(txid); };
  if (txid >= catalogue.retired_before && std::ranges::none_of(catalogue.segments, spans)) return;
  const auto [before, after] = nearest_points(store, catalogue, txid);
  std::string nearest = "there is no restore point before it";
  if (before && after) {
    nearest = fmt::format("the nearest restore points are {} and {}", shown(*before), shown(*after));
  } else if (before || after) {
    nearest = fmt::format("the nearest restore point is {}", shown(before ? *before : *after));
  }
  throw Error(ErrorCode::kNoDatabase, fmt::format("commit {} was thinned out; {}", txid.value, nearest),
              kLogHint);
}

CommitRecord commit_by_txid(const ObjectStore& store, const Catalogue& catalogue, Txid txid) {
  if (const auto commit = find_commit(store, catalogue, txid)) return *commit;
  refuse_thinned_out(store, catalogue, txid);
  for (const MissingRange& range : catalogue.missing()) {
    if (txid <= range.base || txid > range.last) continue;
    throw Error(ErrorCode::kDamaged,
                fmt::format("commit {} is lost: no object holds {}; {}", txid.value,
                            shown(range.base.next(), range.last), neighbours(catalogue, txid)),
                "`litewright verify` says what else is missing");
  }
  throw Error(ErrorCode::kNoDatabase,
              fmt::format("commit {} is not in the archive: {}", txid.value, neighbours(catalogue, txid)),
              kLogHint);
}

// The newest restore point of one segment seen at or before `at`. From the end: clocks may have been set
// back, and then the later commit counts.
std::optional<CommitRecord> newest_within(const ObjectStore& store, const SegmentEntry& entry, WallTime at) {
  const std::vector<CommitRecord> commits = Segment(store, entry.name).commits();
  for (std::size_t i = commits.size(); i-- > 0;) {
    if (commits[i].seen_at <= at && !commits[i].retired) return commits[i];
  }
  return std::nullopt;
}

CommitRecord commit_by_time(const ObjectStore& store, const Catalogue& catalogue, WallTime at) {
  const std::vector<const SegmentEntry*> line = catalogue.line();
  const SegmentEntry* newer = nullptr;
  for (auto entry = line.rbegin(); entry != line.rend(); newer = *entry++) {
    const SegmentEntry& segment = **entry;
    if (segment.first.seen_at > at) continue;
    if (segment.last.seen_at > at || segment.thinned()) {
      if (const auto commit = newest_within(store, segment, at)) return *commit;
      continue;
    }
    if (newer == nullptr || newer->start() <= segment.last.txid) return segment.last;
    throw Error(ErrorCode::kDamaged,
                fmt::format("{} can't be told: no object holds {}; the nearest before is {}, the nearest "
                            "after is {}",
                            format_local_time(at, Precision::kMilliseconds),
                            shown(segment.last.txid.next(), newer->start()), shown(segment.last),
                            shown(newer->first)),
                fmt::format("choose one of them: `litewright restore --tx {}`", segment.last.txid.value));
  }
  const CommitRecord first = nearest_points(store, catalogue, Txid(0)).after.value_or(line.front()->first);
  throw Error(
      ErrorCode::kNoDatabase,
      fmt::format("nothing was archived at or before {}: the oldest commit is {}, the newest is {}",
                  format_local_time(at, Precision::kMilliseconds), shown(first), shown(*catalogue.newest())),
      kLogHint);
}

// The newest commit was asked for: not an older one in its stead because the object that has it can't be
// read.
void refuse_silently_older(const Catalogue& catalogue) {
  const Txid readable = catalogue.newest()->txid;
  for (const BadObject& bad : catalogue.bad_objects) {
    const auto range = parse_segment_name(bad.name);
    if (!range || range->second <= readable) continue;
    throw Error(ErrorCode::kDamaged,
                fmt::format("the newest commits, up to {}, are in {}, which can't be read: {}",
                            range->second.value, bad.name, bad.reason),
                fmt::format("the newest readable one: litewright restore DB --tx {}", readable.value));
  }
}

CommitRecord wanted_commit(const ObjectStore& store, const Catalogue& catalogue, const RestorePoint& point) {
  if (catalogue.segments.empty()) {
    throw Error(ErrorCode::kNoDatabase, "the archive " + store.describe() + " holds no commit yet",
                "`litewright backup` makes the first");
  }
  if (point.tx) return commit_by_txid(store, catalogue, *point.tx);
  if (point.at) return commit_by_time(store, catalogue, *point.at);
  if (!point.name) {
    refuse_silently_older(catalogue);
    return *catalogue.newest();
  }
  const NamedPoint* named = catalogue.find_point(*point.name);
  if (named != nullptr) return commit_by_txid(store, catalogue, named->txid);
  std::string names;
  for (const NamedPoint& other : catalogue.points) names += (names.empty() ? "" : ", ") + other.name;
  throw Error(ErrorCode::kNoDatabase,
              fmt::format("there is no point \"{}\" in the archive; named points: {}", *point.name,
                          names.empty() ? "none" : names),
              kLogHint);
}

// Why no chain leads to the commit: what is missing after the furthest one.
Error no_chain(const Catalogue& catalogue, const CommitRecord& commit, Txid reach) {
  std::string lacking = "no snapshot before it is left";
  if (reach.value > 0) {
    // The gap ends where the first segment that could lead on begins; bad objects and holes look the same.
    Txid gap_end = commit.txid;
    for (const SegmentEntry& entry : catalogue.segments) {
      if (entry.header.base > reach) gap_end = std::min(gap_end, entry.header.base);
    }
    lacking = shown(reach.next(), gap_end) + " before it are missing";
  }
  std::string nearest;
  const std::vector<CommitRange> ranges = restorable_commits(catalogue.segments);
  for (const CommitRange& range : ranges) {
    if (range.last < commit.txid)
      nearest = fmt::format("; the nearest that can be restored before is {}", range.last.value);
  }
  for (const CommitRange& range : ranges) {
    if (range.first <= commit.txid) continue;
    nearest += fmt::format("; the nearest that can be restored after is {}", range.first.value);
    break;
  }
  return Error(ErrorCode::kDamaged,
               fmt::format("commit {} can't be restored: {}{}", shown(commit), lacking, nearest),
               "`litewright verify` names the damage");
}

bool index_holds(const ObjectStore& store, const SegmentEntry& entry, Txid txid) {
  if (footer_holds(entry, txid)) return true;
  try {
    const std::vector<CommitRecord> commits = Segment(store, entry.name).commits();
    return std::ranges::binary_search(commits, txid, {}, &CommitRecord::txid);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    return false;
  }
}

SegmentChain best_chain(const ObjectStore& store, const Catalogue& catalogue, const CommitRecord& commit) {
  const HoldsCommit holds = [&store](const SegmentEntry& entry, Txid txid) {
    return index_holds(store, entry, txid);
  };
  std::vector<const SegmentEntry*> snapshots;
  for (const SegmentEntry& entry : catalogue.segments) {
    if (entry.is_snapshot() && entry.first.txid <= commit.txid) snapshots.push_back(&entry);
  }
  // The one that leaves least to lay over it first; of two that give the commit itself, the smaller.
  std::ranges::sort(snapshots, [&](const SegmentEntry* a, const SegmentEntry* b) {
    const Txid a_gives = std::min(a->last.txid, commit.txid);
    const Txid b_gives = std::min(b->last.txid, commit.txid);
    return a_gives != b_gives ? a_gives > b_gives : a->size < b->size;
  });
  Txid furthest(0);
  for (const SegmentEntry* snapshot : snapshots) {
    SegmentChain chain = follow_chain(catalogue.segments, *snapshot, commit.txid, holds);
    if (chain.reach == commit.txid) return chain;
    furthest = std::max(furthest, chain.reach);
  }
  throw no_chain(catalogue, commit, furthest);
}

}  // namespace

std::vector<TxidWindow> RestorePlan::windows() const {
  std::vector<TxidWindow> windows;
  Txid after(0);
  for (const SegmentEntry& entry : segments) {
    const Txid upto = std::min(entry.last.txid, commit.txid);
    windows.push_back({after, upto});
    after = upto;
  }
  return windows;
}

RestorePlan plan_restore(const ObjectStore& store, const Catalogue& catalogue, const RestorePoint& point) {
  if (point.at.has_value() + point.tx.has_value() + point.name.has_value() > 1) {
    throw Error(ErrorCode::kUsage, "a restore takes one point: a time, a commit or a name");
  }
  RestorePlan plan;
  plan.commit = wanted_commit(store, catalogue, point);
  const SegmentChain chain = best_chain(store, catalogue, plan.commit);
  plan.page_size = chain.segments.front()->header.page_size;
  for (const SegmentEntry* entry : chain.segments) {
    plan.segments.push_back(*entry);
    plan.bytes_to_read += entry->size;
  }
  return plan;
}

bool reload_if_changed(const ObjectStore& store, Catalogue& catalogue, int reloads) {
  std::this_thread::sleep_for(std::min(kPauseAReload * reloads, kLongestPause));
  Catalogue now = Catalogue::load(store);
  const bool same =
      std::ranges::equal(now.segments, catalogue.segments, {}, &SegmentEntry::name, &SegmentEntry::name);
  if (!same) catalogue = std::move(now);
  return !same;
}

PlannedRestore plan_restore_now(const ObjectStore& store, const RestorePoint& point) {
  Catalogue catalogue = Catalogue::load(store);
  for (int reloads = 0;; ++reloads) {
    try {
      RestorePlan plan = plan_restore(store, catalogue, point);
      return {std::move(catalogue), std::move(plan)};
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNoDatabase || reloads == kMostReloads) throw;
      if (!reload_if_changed(store, catalogue, reloads)) throw;
    }
  }
}

}  // namespace litewright
