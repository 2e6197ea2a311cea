#include "archive/compaction.h"

#include <gtest/gtest.h>

#include "archive/history_samples.h"
#include "base/error.h"
#include "base/test_effort.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace history_samples;

std::vector<SegmentEntry> entries(const ObjectStore& store) { return Catalogue::load(store).segments; }

void expect_every_commit(const ObjectStore& store, const History& history) {
  for (const CommitRecord& commit : history.commits()) {
    ASSERT_TRUE(restored(store, commit.txid) == history.state(commit.txid)) << "commit " << commit.txid.value;
  }
}

TEST(Compaction, MergedSegmentsGiveEveryCommitAfterTheirPartsAreGone) {
  for (std::uint32_t seed = 1; seed <= rounds({.brief = 5, .full = 15}); ++seed) {
    for (const std::size_t open_runs : {1u, 3u, 256u}) {
      SCOPED_TRACE(seed);
      MemoryStore store;
      History history({.seed = seed});
      history.write(store);
      const std::vector<SegmentEntry> all = entries(store);
      const std::size_t first = static_cast<std::size_t>(history.pick(3));
      const std::span parts = std::span(all).subspan(first);
      const CompactedSegment merged = merge_segments(store, parts, {.fence = 7, .max_open_runs = open_runs});
      EXPECT_EQ(merged.entry().header.fence, 7u);
      EXPECT_EQ(merged.entry().header.base, parts.front().header.base);
      remove_replaced(store, merged, parts);
      EXPECT_EQ(entries(store).size(), first + 1);
      expect_every_commit(store, history);
    }
  }
}

TEST(Compaction, ACollapsedSnapshotGivesItsCommitAloneAndCarriesOnTheChain) {
  MemoryStore store;
  History history({.seed = 11});
  history.write(store);
  RestorePoint point;
  point.tx = Txid(33);  // in the middle of a segment or at its end
  const CompactedSegment snapshot = collapse(store, plan_restore(store, Catalogue::load(store), point), {});
  EXPECT_EQ(snapshot.entry().first, history.commit(Txid(33)));
  EXPECT_EQ(snapshot.entry().last, history.commit(Txid(33)));
  expect_every_commit(store, history);
  for (const SegmentEntry& entry : entries(store)) {
    if (entry.last.txid <= Txid(33) && entry.name != snapshot.entry().name) store.remove(entry.name);
  }
  for (std::uint64_t txid = 33; txid <= 60; ++txid) {
    EXPECT_TRUE(restored(store, Txid(txid)) == history.state(Txid(txid))) << txid;
  }
}

TEST(Compaction, NothingIsRemovedUnlessTheReplacementHoldsItsCommits) {
  MemoryStore store;
  History history({.seed = 12});
  history.write(store);
  const std::vector<SegmentEntry> all = entries(store);
  const CompactedSegment merged = merge_segments(store, std::span(all).subspan(1, 2), {});
  const std::size_t objects = store.list("").size();
  const std::vector<SegmentEntry> wrong[] = {{all[3]}, {all[0]}, {all[1], all[4]}, {merged.entry()}};
  for (const auto& replaced : wrong) {
    EXPECT_THROW(remove_replaced(store, merged, replaced), Error);
    EXPECT_EQ(store.list("").size(), objects);
  }
  const RestorePlan plan = plan_restore(store, Catalogue::load(store), {});
  const CompactedSegment snapshot = collapse(store, plan, {});
  EXPECT_THROW(remove_replaced(store, snapshot, std::span(all).first(1)), Error)
      << "a snapshot of one commit";
}

TEST(Compaction, NothingIsRemovedWhenTheReplacementWasDamagedMeanwhile) {
  MemoryStore store;
  History history({.seed = 13});
  history.write(store);
  const std::vector<SegmentEntry> all = entries(store);
  const std::span parts = std::span(all).subspan(1, 3);
  const CompactedSegment merged = merge_segments(store, parts, {});
  std::string content = read_object(store, merged.entry().name);
  content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 4);
  store.replace(merged.entry().name, std::as_bytes(std::span(content)));
  EXPECT_THROW(remove_replaced(store, merged, parts), Error);
  EXPECT_EQ(store.list("segments/").size(), all.size() + 1);
}

TEST(Compaction, SegmentsThatDoNotAdjoinAreRefused) {
  MemoryStore store;
  History history({.seed = 14});
  history.write(store);
  const std::vector<SegmentEntry> all = entries(store);
  const std::vector<SegmentEntry> apart = {all[1], all[3]};
  EXPECT_THROW(merge_segments(store, apart, {}), Error);
  EXPECT_EQ(entries(store).size(), all.size());
}

}  // namespace
}  // namespace litewright
