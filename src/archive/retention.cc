#include "archive/retention.h"

#include <fmt/format.h>

#include <algorithm>

#include "archive/cover.h"
#include "base/error.h"

namespace litewright {

namespace {

using Kind = RetentionStep::Kind;

// Each object is thinned, merged, anchored and removed a few times at most, and what is made of it again.
constexpr std::uint64_t kMostStepsAnObject = 16;
constexpr std::uint64_t kFewestSteps = 256;
constexpr int kSpaceRounds = 64;

std::vector<Txid> pinned_commits(const Catalogue& catalogue) {
  std::vector<Txid> pinned;
  for (const NamedPoint& point : catalogue.points) pinned.push_back(point.txid);
  if (const RestoreProof* proof = catalogue.newest_proof()) pinned.push_back(proof->txid);
  std::ranges::sort(pinned);
  return pinned;
}

// Whether all points of the parts stay, and none of them ends with a commit that only the next builds on.
bool keeps_all(std::span<const SegmentEntry> parts, const PointSelection& selection) {
  for (const SegmentEntry& part : parts) {
    const std::uint64_t points = part.commits - (part.last.retired ? 1 : 0);
    if (selection.kept(part.start(), part.last.txid) < points) return false;
    if (part.last.retired && part.name != parts.back().name) return false;
  }
  return parts.size() > 1;
}

// Above all that are there: the newest is, so that no name comes twice, and of two the later one was made of
// the other.
unsigned next_generation(const ObjectStore& store, Txid base, Txid last) {
  const std::vector<ObjectInfo> objects = store.list("segments/");
  const auto exists = [&](unsigned generation) {
    return std::ranges::binary_search(objects, segment_name(base, last, generation), {}, &ObjectInfo::name);
  };
  for (unsigned next = kMostGenerations; next-- > 0;) {
    if (exists(next)) {
      if (next + 1 < kMostGenerations) return next + 1;
      throw Error(ErrorCode::kInternal, fmt::format("no name is left for {}", segment_name(base, last)));
    }
  }
  return 0;
}

// The way to the end of a segment, whether that is a restore point or not.
std::optional<RestorePlan> plan_to_end(const Catalogue& catalogue, const SegmentEntry& end) {
  std::optional<SegmentChain> best;
  for (const SegmentEntry& entry : catalogue.segments) {
    if (!entry.is_snapshot() || entry.last.txid > end.last.txid) continue;
    const SegmentChain chain = follow_chain(catalogue.segments, entry, end.last.txid);
    if (chain.reach == end.last.txid && (!best || entry.last.txid > best->segments.front()->last.txid))
      best = chain;
  }
  if (!best) return std::nullopt;
  RestorePlan plan{.commit = end.last, .page_size = end.header.page_size, .segments = {}};
  for (const SegmentEntry* entry : best->segments) {
    plan.segments.push_back(*entry);
    plan.bytes_to_read += entry->size;
  }
  return plan;
}

}  // namespace

std::uint64_t segment_bytes(const Catalogue& catalogue) {
  std::uint64_t bytes = 0;
  for (const SegmentEntry& entry : catalogue.segments) bytes += entry.size;
  for (const ObjectInfo& object : catalogue.retired_segments) bytes += object.size;
  return bytes;
}

CompactionOptions Retention::options() const {
  CompactionOptions options;
  options.fence = work_.fence;
  options.breath = work_.breath;
  options.max_open_runs = work_.max_open_runs;
  return options;
}

bool Retention::step(PointSelection& selection) {
  const Catalogue catalogue = Catalogue::load(store_);
  for (const Txid txid : pinned_commits(catalogue)) selection.pin(txid);
  const auto step = next_retention_step(catalogue, selection, work_.limits, past_);
  if (!step) return false;
  if (!steps_left_) steps_left_ = kFewestSteps + kMostStepsAnObject * catalogue.segments.size();
  if ((*steps_left_)-- == 0) {
    steps_left_ = 0;
    tally_.troubles.push_back(fmt::format("does not come to rest: given up after {} steps", tally_.steps));
    return false;
  }
  ++tally_.steps;
  try {
    carry_out(catalogue, *step, selection);
  } catch (const Error& error) {
    // An object that is gone was somebody else's to remove: nobody may while we own the archive.
    if (error.code() != ErrorCode::kDamaged && error.code() != ErrorCode::kInternal) throw;
    if (step->parts.empty() && !step->by) throw;
    tally_.troubles.push_back(error.what());
    for (const SegmentEntry& part : step->parts) past_.left_alone.insert(part.name);
    if (step->by) past_.left_alone.insert(step->by->name);
  }
  return true;
}

void Retention::run(PointSelection& selection) {
  steps_left_.reset();
  while (step(selection)) {
  }
}

void Retention::remove(const std::string& name) {
  store_.remove(name);
  ++tally_.removed;
}

void Retention::carry_out(const Catalogue& catalogue, const RetentionStep& step,
                          const PointSelection& selection) {
  switch (step.kind) {
    case Kind::kRemoveRetired:
      for (const ObjectInfo& object : catalogue.retired_segments) remove(object.name);
      return;
    case Kind::kRemoveReplaced: {
      const auto replacement = prove_replacement(store_, *step.by, step.parts, options());
      if (!replacement) {
        throw Error(ErrorCode::kDamaged,
                    fmt::format("{}: is not what its parts make: all stay", step.by->name));
      }
      remove_replaced(store_, *replacement, step.parts);
      tally_.removed += step.parts.size();
      return;
    }
    case Kind::kRemoveAnchor:
      return remove(step.parts.front().name);
    case Kind::kRetire:
      if (!prove_replacement(store_, *step.by, {}, options())) return;
      return put_retired_before(store_, catalogue, step.by->first.txid);
    case Kind::kThin:
    case Kind::kMerge:
      return make(step, selection);
    case Kind::kAnchor:
      return make_anchor(catalogue, *step.by);
  }
}

CompactedSegment Retention::make_of(std::span<const SegmentEntry> parts, const PointSelection& selection) {
  CompactionOptions how = options();
  how.generation = next_generation(store_, parts.front().header.base, parts.back().header.last);
  if (keeps_all(parts, selection)) return merge_segments(store_, parts, how);
  return thin_segments(store_, parts, [&](Txid txid) { return selection.keeps(txid); }, how);
}

void Retention::make(const RetentionStep& step, const PointSelection& selection) {
  const auto parts = std::span(step.parts).first(parts_that_fit(store_, step.parts, work_.max_open_runs));
  if (step.kind == Kind::kMerge && parts.size() < 2) {
    past_.left_alone.insert(parts.front().name);  // too many runs over one page for both
    return;
  }
  const CompactedSegment made = make_of(parts, selection);
  ++tally_.made;
  std::unique_lock<std::mutex> no_new_names;
  if (work_.naming != nullptr) no_new_names = std::unique_lock(*work_.naming);
  // A point may have been named meanwhile that the new object lacks: it is made again then.
  const Catalogue now = Catalogue::load(store_);
  const bool lacking = std::ranges::any_of(pinned_commits(now), [&](Txid txid) {
    const auto spans = [txid](const SegmentEntry& part) { return part.spans(txid); };
    return !selection.keeps(txid) && std::ranges::any_of(parts, spans);
  });
  // What begins before a snapshot goes when that is retired: the next step, or the snapshot is of no use.
  const bool takes_over = made.entry().start() == parts.front().start();
  const auto next = takes_over ? std::nullopt : next_retention_step(now, selection, work_.limits, past_);
  const bool useless =
      !takes_over && (!next || (next->kind != Kind::kRetire && next->kind != Kind::kRemoveReplaced));
  if (lacking || useless) {
    remove(made.entry().name);
    if (lacking) return;
    throw Error(ErrorCode::kDamaged,
                fmt::format("{}: what builds on it can't be taken over", parts.front().name));
  }
  if (!takes_over) return;
  remove_replaced(store_, made, parts);
  tally_.removed += parts.size();
  const bool in_vain = parts.size() == 1 && made.entry().commits == parts.front().commits;
  if (in_vain) past_.left_alone.insert(made.entry().name);
}

void Retention::make_anchor(const Catalogue& catalogue, const SegmentEntry& end) {
  auto plan = plan_to_end(catalogue, end);
  if (!plan) throw Error(ErrorCode::kDamaged, fmt::format("{}: nothing leads to its end", end.name));
  plan->commit.retired = true;
  CompactionOptions how = options();
  how.generation = next_generation(store_, Txid(0), end.last.txid);
  collapse(store_, *plan, how);
  past_.anchored.insert(end.last.txid);
  ++tally_.made;
}

PruneResult prune_archive(ObjectStore& store, const KeepRules& rules, WallTime now, RetentionWork work) {
  const Catalogue before = Catalogue::load(store);
  PointSelection selection = select_points(store, before, rules, now);
  PruneResult result;
  result.points_before = selection.points();
  result.objects_before = before.segments.size() + before.retired_segments.size();
  result.bytes_before = segment_bytes(before);
  work.limits.lazy = false;
  Retention retention(store, std::move(work));
  retention.run(selection);
  Catalogue after = Catalogue::load(store);
  // First what is not worth its bytes, then points, the oldest first: each time half of what the excess would
  // need if all were alike, so that little more goes than must.
  for (int round = 0; rules.max_bytes && segment_bytes(after) > *rules.max_bytes && round < kSpaceRounds;
       ++round) {
    retention.no_anchors();
    const std::uint64_t unprotected = selection.unprotected();
    if (round > 0 && unprotected == 0) break;
    if (round > 0) {
      const auto all = static_cast<double>(segment_bytes(after));
      const double excess = 1 - static_cast<double>(*rules.max_bytes) / all;
      const auto going = static_cast<std::uint64_t>(static_cast<double>(unprotected) * excess / 2);
      const auto last = selection.nth_unprotected(std::max<std::uint64_t>(1, going));
      result.dropped_for_space += selection.drop_before(last->next());
    }
    retention.run(selection);
    after = Catalogue::load(store);
  }
  result.points_after = selection.kept();
  result.objects_after = after.segments.size();
  result.bytes_after = segment_bytes(after);
  result.over_max_bytes = rules.max_bytes && result.bytes_after > *rules.max_bytes;
  result.tally = retention.tally();
  return result;
}

}  // namespace litewright
