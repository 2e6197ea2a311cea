#include "archive/retention.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <utility>

#include "archive/history_samples.h"
#include "archive/verify.h"
#include "base/error.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace history_samples;
using std::chrono::seconds;

// The model: every commit judged by the rules at once.
std::set<std::uint64_t> kept_by_model(const std::vector<CommitRecord>& commits, const KeepRules& rules,
                                      WallTime now, const std::set<std::uint64_t>& pinned) {
  std::vector<KeepPoint> points;
  for (auto commit = commits.rbegin(); commit != commits.rend(); ++commit)
    points.push_back({.at = commit->seen_at, .pinned = pinned.contains(commit->txid.value)});
  const std::vector<KeepReason> verdicts = judge_points(points, rules, now);
  std::set<std::uint64_t> kept;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (verdicts[i] != KeepReason::kNone) kept.insert(commits[commits.size() - 1 - i].txid.value);
  }
  return kept;
}

// What the archive offers.
std::set<std::uint64_t> points_of(const ObjectStore& store) {
  std::set<std::uint64_t> points;
  const Catalogue catalogue = Catalogue::load(store);
  for (const SegmentEntry* entry : catalogue.line()) {
    for (const CommitRecord& commit : Segment(store, entry->name).commits()) {
      if (!commit.retired) points.insert(commit.txid.value);
    }
  }
  return points;
}

// For a failed test.
std::string described(const ObjectStore& store) {
  const Catalogue catalogue = Catalogue::load(store);
  std::string text = fmt::format("retired before {}:", catalogue.retired_before.value);
  for (const SegmentEntry& entry : catalogue.segments)
    text += fmt::format(" {} ({} of {}..{}{})", entry.name.substr(9), entry.commits, entry.first.txid.value,
                        entry.last.txid.value, entry.last.retired ? " retired" : "");
  return text;
}

void expect_restored(const ObjectStore& store, History& history, std::uint64_t txid) {
  try {
    RC_ASSERT(restored(store, Txid(txid)) == history.state(Txid(txid)));
  } catch (const Error& error) {
    RC_FAIL(fmt::format("{}; {}", error.what(), described(store)));
  }
}

std::string refusal(const ObjectStore& store, std::uint64_t txid) {
  RestorePoint point;
  point.tx = Txid(txid);
  try {
    plan_restore(store, Catalogue::load(store), point);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

KeepRules random_rules(History& history) {
  KeepRules rules;
  if (history.pick(2) == 0) rules.last = static_cast<std::uint64_t>(1 + history.pick(8));
  if (history.pick(2) == 0) rules.within = seconds(10 + history.pick(200));
  if (history.pick(2) == 0)
    rules.of(KeepPeriod::kMinute) = KeepSpan{static_cast<std::uint64_t>(1 + history.pick(6)), {}};
  if (history.pick(3) == 0) rules.of(KeepPeriod::kHour) = KeepSpan{};
  if (history.pick(4) == 0) rules.max_age = seconds(60 + history.pick(500));
  if (history.pick(4) == 0) rules.min = static_cast<std::uint64_t>(1 + history.pick(5));
  return rules;
}

// Small objects are as worth merging and anchoring here as large ones elsewhere.
RetentionWork small_work(History& history) {
  RetentionWork work;
  work.max_open_runs = static_cast<std::size_t>(2 + history.pick(30));
  work.limits.merge_from = static_cast<std::size_t>(2 + history.pick(10));
  work.limits.most_parts = static_cast<std::size_t>(2 + history.pick(10));
  work.limits.least_anchor_gap = static_cast<std::uint64_t>(1 + history.pick(40'000));
  return work;
}

void expect_sound(const ObjectStore& store) {
  const VerifyReport report = verify_archive(store, {.threads = 1});
  for (const VerifyDamage& damage : report.damage) RC_FAIL(damage.object + ": " + damage.what);
  RC_ASSERT(report.missing.empty());
  RC_ASSERT(report.commits == points_of(store).size());
}

// Pruned three times, by rules of its own each time.
void prune_thrice(const HistoryOptions& options) {
  MemoryStore store;
  const SystemClock clock;
  ensure_archive(store, "app.db", clock);
  History history(options);
  history.write(store);
  const auto last = history.commits().size();
  std::set<std::uint64_t> pinned;
  for (int i = history.pick(3); i > 0; --i) {
    const auto txid = static_cast<std::uint64_t>(1 + history.pick(static_cast<int>(last)));
    put_point(store, {fmt::format("point-{}", txid), Txid(txid), clock.wall()});
    pinned.insert(txid);
  }
  std::vector<CommitRecord> left = history.commits();
  for (int round = 0; round < 3; ++round) {
    const KeepRules rules = random_rules(history);
    const WallTime now = history.commits().back().seen_at + seconds(history.pick(300));
    const std::set<std::uint64_t> kept = kept_by_model(left, rules, now, pinned);
    const PruneResult result = prune_archive(store, rules, now, small_work(history));
    for (const std::string& trouble : result.tally.troubles) RC_FAIL(trouble + "; " + described(store));
    RC_ASSERT(points_of(store) == kept);
    RC_ASSERT(result.points_after == kept.size());
    for (std::uint64_t txid = 1; txid <= last; ++txid) {
      if (kept.contains(txid)) {
        expect_restored(store, history, txid);
      } else {
        const std::string said = refusal(store, txid);
        if (said.find("was thinned out") == std::string::npos)
          RC_FAIL(fmt::format("{}: {}; {}", txid, said, described(store)));
      }
    }
    expect_sound(store);
    std::erase_if(left, [&](const CommitRecord& commit) { return !kept.contains(commit.txid.value); });
  }
}

RC_GTEST_PROP(Retention, WhatTheRulesKeepIsRestoredAndNothingElse, ()) {
  prune_thrice({.seed = *rc::gen::arbitrary<std::uint32_t>(),
                .commits = *rc::gen::inRange(1, 60),
                .longest_segment = *rc::gen::inRange(1, 9)});
}

// An anchor stood at the end of a merged segment; thinned, that takes the place of both.
TEST(Retention, ReplacesAnAnchorWhoseCommitIsAPointOfAnotherSegment) {
  bool done = false;  // the same in every case
  const bool right = rc::check([&done] {
    if (!std::exchange(done, true)) prune_thrice({.seed = 25595965, .commits = 44, .longest_segment = 2});
  });
  EXPECT_TRUE(right);
}

RC_GTEST_PROP(Retention, AtItsLeisureKeepsAllThatTheRulesKeepAndFewObjects, ()) {
  MemoryStore store;
  const SystemClock clock;
  ensure_archive(store, "app.db", clock);
  History history({.seed = *rc::gen::arbitrary<std::uint32_t>(), .commits = 60, .longest_segment = 2});
  history.write(store);
  const KeepRules rules = random_rules(history);
  const WallTime now = history.commits().back().seen_at;
  RetentionWork work;
  work.limits.lazy = true;
  Retention retention(store, work);
  PointSelection selection = select_points(store, Catalogue::load(store), rules, now);
  retention.run(selection);
  for (const std::string& trouble : retention.tally().troubles) RC_FAIL(trouble + "; " + described(store));
  RC_ASSERT(store.list("segments/").size() < 2 * work.limits.merge_from);
  const std::set<std::uint64_t> points = points_of(store);
  for (const std::uint64_t txid : kept_by_model(history.commits(), rules, now, {})) {
    RC_ASSERT(points.contains(txid));
    expect_restored(store, history, txid);
  }
  expect_sound(store);
}

// A store that ends the process, as it were, after so many changes.
class EndingStore final : public ObjectStore {
 public:
  class Ended : public Error {
   public:
    Ended() : Error(ErrorCode::kIo, "the process ended here") {}
  };
  EndingStore(ObjectStore& inner, int changes) : inner_(inner), left_(changes) {}
  std::string describe() const override { return inner_.describe(); }
  std::vector<ObjectInfo> list(std::string_view prefix) const override { return inner_.list(prefix); }
  std::unique_ptr<ObjectReader> open(std::string_view name) const override { return inner_.open(name); }
  std::unique_ptr<Hold> try_hold() override { return inner_.try_hold(); }
  std::unique_ptr<ObjectWriter> create(std::string_view name) override {
    return std::make_unique<Writer>(*this, inner_.create(name));
  }
  void replace(std::string_view name, Bytes content) override {
    change();
    inner_.replace(name, content);
  }
  void remove(std::string_view name) override {
    change();
    inner_.remove(name);
  }

 private:
  void change() {
    if (--left_ < 0) throw Ended{};
  }
  class Writer final : public ObjectWriter {
   public:
    Writer(EndingStore& store, std::unique_ptr<ObjectWriter> inner)
        : store_(store), inner_(std::move(inner)) {}
    void append(Bytes data) override { inner_->append(data); }
    void commit() override {
      store_.change();
      inner_->commit();
    }

   private:
    EndingStore& store_;
    std::unique_ptr<ObjectWriter> inner_;
  };
  ObjectStore& inner_;
  int left_;
};

RC_GTEST_PROP(Retention, EndedAnywhereItLosesNoPointAndIsTakenUpAgain, ()) {
  MemoryStore store;
  const SystemClock clock;
  ensure_archive(store, "app.db", clock);
  History history({.seed = *rc::gen::arbitrary<std::uint32_t>(), .commits = 24, .longest_segment = 3});
  history.write(store);
  const KeepRules rules = random_rules(history);
  const WallTime now = history.commits().back().seen_at;
  const std::set<std::uint64_t> kept = kept_by_model(history.commits(), rules, now, {});
  const RetentionWork work = small_work(history);
  bool ended = true;
  for (int rounds = 0; ended && rounds < 500; ++rounds) {
    EndingStore ending(store, history.pick(6));
    try {
      prune_archive(ending, rules, now, work);
      ended = false;
    } catch (const EndingStore::Ended&) {
    }
    // Of what stays a few each time: the next rounds look at others.
    const std::vector<std::uint64_t> points(kept.begin(), kept.end());
    for (int i = 0; i < 4; ++i)
      expect_restored(store, history,
                      points[static_cast<std::size_t>(history.pick(static_cast<int>(points.size())))]);
    const VerifyReport report = verify_archive(store, {.threads = 1});
    for (const VerifyDamage& damage : report.damage) RC_FAIL(damage.object + ": " + damage.what);
    RC_ASSERT(report.missing.empty());
  }
  // Ended again and again within a few calls it need not come to an end; left alone it does.
  if (ended) prune_archive(store, rules, now, work);
  if (points_of(store) != kept) RC_FAIL(described(store));
  for (const std::uint64_t txid : kept) expect_restored(store, history, txid);
  expect_sound(store);
}

}  // namespace
}  // namespace litewright
