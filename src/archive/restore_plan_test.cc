#include "archive/restore_plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>

#include "archive/bare_segments.h"
#include "base/error.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

RestorePoint at(std::int64_t seconds) {
  RestorePoint point;
  point.at = sample_second(seconds);
  return point;
}
RestorePoint tx(std::uint64_t txid) {
  RestorePoint point;
  point.tx = Txid(txid);
  return point;
}
RestorePoint named(const char* name) {
  RestorePoint point;
  point.name = name;
  return point;
}

// "7: (0..5](5..9]" or the error's code and message.
std::string plan_text(const ObjectStore& store, const RestorePoint& point) {
  try {
    const RestorePlan plan = plan_restore(store, Catalogue::load(store), point);
    std::string text = fmt::format("{}:", plan.commit.txid.value);
    std::uint64_t bytes = 0;
    for (const SegmentEntry& entry : plan.segments) {
      text += fmt::format(" ({}..{}]", entry.header.base.value, entry.last.txid.value);
      bytes += entry.size;
    }
    EXPECT_EQ(plan.bytes_to_read, bytes);
    EXPECT_EQ(plan.windows().back().upto, plan.commit.txid);
    return text;
  } catch (const Error& error) {
    EXPECT_FALSE(error.hint().empty());
    return std::to_string(error.exit_status()) + " " + error.what();
  }
}

struct Case {
  const char* name;
  RestorePoint point;
  const char* plan;  // what plan_text() begins with
};

void expect_plans(const ObjectStore& store, std::span<const Case> cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(plan_text(store, c.point).substr(0, std::string(c.plan).size()), c.plan)
        << c.name << ": " << plan_text(store, c.point);
  }
}

TEST(RestorePlan, FindsTheCommitAndTheShortestWayToIt) {
  MemoryStore store;
  put_bare_segment(store, 0, 2, 2);  // the archive's history begins with commit 2
  put_bare_segment(store, 2, 6);
  put_bare_segment(store, 6, 9);
  put_bare_segment(store, 2, 9);
  put_bare_segment(store, 0, 7, 7);
  put_bare_segment(store, 9, 12);
  put_point(store, {"release", Txid(5), sample_second(0)});
  put_point(store, {"ahead", Txid(99), sample_second(0)});
  const Case cases[] = {
      {"the newest", {}, "12: (0..7] (2..9] (9..12]"},
      {"the first by number", tx(2), "2: (0..2]"},
      {"in mid-segment", tx(4), "4: (0..2] (2..6]"},
      {"the snapshot's own", tx(7), "7: (0..7]"},
      {"just before the snapshot", tx(6), "6: (0..2] (2..6]"},
      {"behind the snapshot, in a segment that spans it", tx(8), "8: (0..7] "},
      {"exactly at a commit", at(40), "4: "},
      {"just before a commit", at(39), "3: "},
      {"exactly at a segment's last", at(60), "6: "},
      {"between two segments", at(65), "6: "},
      {"exactly at the first", at(20), "2: "},
      {"after the last", at(100000), "12: "},
      {"by name", named("release"), "5: "},
      {"before the first", at(19), "66 nothing was archived at or before "},
      {"a number before the first", tx(1),
       "66 commit 1 is not in the archive: there is none before, the nearest after is 2 ("},
      {"a number after the last", tx(13), "66 commit 13 is not in the archive: the nearest before is 12 ("},
      {"no such name", named("x"), "66 there is no point \"x\" in the archive; named points: release, ahead"},
      {"a name that leads nowhere", named("ahead"), "66 commit 99 is not in the archive"},
  };
  expect_plans(store, cases);
}

TEST(RestorePlan, NamesWhatIsMissing) {
  MemoryStore store;
  put_bare_segment(store, 0, 1);
  put_bare_segment(store, 1, 4);
  put_bare_segment(store, 6, 9);
  put_bare_segment(store, 0, 12, 12);
  put_bare_segment(store, 12, 14);
  const Case cases[] = {
      {"before the hole", tx(4), "4: (0..1] (1..4]"},
      {"in the hole", tx(5),
       "65 commit 5 is lost: no object holds commits 5 to 6; the nearest before is 4 ("},
      {"behind the hole", tx(8), "65 commit 8 ("},
      {"after the next snapshot", tx(13), "13: (0..12] (12..14]"},
      {"a time in the hole", at(55), "65 "},
      {"a time at the hole's edge", at(70), "65 commit 7 ("},
  };
  expect_plans(store, cases);
  EXPECT_NE(plan_text(store, tx(8))
                .find("commits 5 to 6 before it are missing; the nearest that can be restored "
                      "before is 4; the nearest that can be restored after is 12"),
            std::string::npos)
      << plan_text(store, tx(8));
  EXPECT_NE(plan_text(store, at(55)).find("no object holds commits 5 to 6"), std::string::npos);
  store.remove(segment_name(Txid(0), Txid(1)));
  EXPECT_NE(plan_text(store, tx(3)).find("no snapshot before it is left"), std::string::npos);
}

TEST(RestorePlan, FollowsTheLaterCommitWhereTheClockWasSetBack) {
  MemoryStore store;
  SegmentWriter writer(store, {.header = {.page_size = 512, .base = Txid(0), .last = Txid(4)}});
  std::vector<CommitRecord> commits;
  const std::array<std::int64_t, 4> seconds = {100, 200, 50, 300};
  for (std::uint64_t i = 0; i < 4; ++i) {
    CommitRecord commit;
    commit.txid = Txid(i + 1);
    commit.seen_at = sample_second(seconds[i]);
    commits.push_back(commit);
  }
  writer.finish(commits, std::nullopt);
  EXPECT_EQ(plan_text(store, at(250)), "3: (0..4]");
}

TEST(RestorePlan, AnEmptyArchiveHoldsNoPoint) {
  EXPECT_EQ(plan_text(MemoryStore(), {}), "66 the archive memory holds no commit yet");
}

}  // namespace
}  // namespace litewright
