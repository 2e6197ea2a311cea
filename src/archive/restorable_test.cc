#include "archive/restorable.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "archive/bare_segments.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

constexpr bool kRetired = true;

struct Sample {
  std::uint64_t base, last;
  std::vector<std::uint64_t> commits = {};  // empty: all of them
  bool last_is_retired = false;
};

void put(ObjectStore& store, const Sample& sample) {
  if (sample.commits.empty()) return put_bare_segment(store, sample.base, sample.last);
  SegmentWriter writer(
      store,
      {.header = {.page_size = 512, .base = Txid(sample.base), .last = Txid(sample.last)}, .thinned = true});
  std::vector<CommitRecord> commits;
  for (const std::uint64_t txid : sample.commits) {
    CommitRecord commit;
    commit.txid = Txid(txid);
    commit.seen_at = sample_second(10 * static_cast<std::int64_t>(txid));
    commits.push_back(commit);
  }
  commits.back().retired = sample.last_is_retired;
  writer.finish(commits, std::nullopt);
}

// "every 1-5" of five commits; "3 of 2-9"; "3 of 2-<9" where the last point is not known.
std::string text(const Catalogue& catalogue) {
  std::string text;
  for (const RestorableStretch& stretch : restorable_stretches(catalogue)) {
    const std::uint64_t all = stretch.last.value - stretch.first.value + 1;
    EXPECT_TRUE(!stretch.every || stretch.points == all) << stretch.points << " of " << all;
    EXPECT_EQ(stretch.first_seen, sample_second(10 * static_cast<std::int64_t>(stretch.first.value)));
    text += fmt::format("{}{} {}-{}{}", text.empty() ? "" : ", ",
                        stretch.every ? "every" : fmt::format("{} of", stretch.points), stretch.first.value,
                        stretch.last_seen ? "" : "<", stretch.last.value);
  }
  text += ";";
  for (const CommitRange& lost : lost_commits(catalogue, restorable_commits(catalogue.segments)))
    text += fmt::format(" {}-{}", lost.first.value, lost.last.value);
  return text;
}

TEST(Restorable, TellsWhatIsLeftAndWhatIsLost) {
  struct Case {
    const char* name;
    std::vector<Sample> segments;
    const char* text;
  };
  const Case cases[] = {
      {"nothing", {}, ";"},
      {"a chain", {{0, 1}, {1, 5}, {5, 9}}, "every 1-9;"},
      {"what follows a hole is lost", {{0, 1}, {1, 5}, {9, 12}}, "every 1-5; 6-12"},
      {"up to the next snapshot", {{0, 1}, {7, 9}, {0, 9, {9}}, {9, 12}}, "every 1-1, every 9-12; 2-8"},
      {"no snapshot", {{3, 5}, {5, 9}}, "; 1-9"},
      {"thinned out in places",
       {{0, 1}, {1, 9, {3, 6, 9}}, {9, 11}, {11, 15, {15}}, {15, 20}},
       "7 of 1-15, every 16-20;"},
      {"nothing but what others build on", {{0, 55, {55}, kRetired}, {55, 90, {70, 90}}}, "2 of 70-90;"},
      {"a thinned one without any point between two whole ones",
       {{0, 5, {1, 2, 3, 4, 5}}, {5, 9, {9}, kRetired}, {9, 12}},
       "5 of 1-5, every 10-12;"},
      {"whose last point only the index tells",
       {{0, 1}, {1, 9, {3, 6, 9}, kRetired}, {20, 22}},
       "3 of 1-<9; 10-22"},
      {"a thinned one does not follow amid its commits", {{0, 3}, {2, 9, {9}}}, "every 1-3; 4-9"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    MemoryStore store;
    for (const Sample& sample : c.segments) put(store, sample);
    EXPECT_EQ(text(Catalogue::load(store)), c.text);
  }
}

// A damaged object is known by its name alone.
TEST(Restorable, WhatCannotBeReadIsLostToo) {
  MemoryStore store;
  put_bare_segment(store, 0, 4);
  put_bare_segment(store, 4, 9);
  Catalogue catalogue = Catalogue::load(store);
  catalogue.bad_objects.push_back({catalogue.segments[1].name, "its footer is damaged"});
  catalogue.segments.pop_back();
  EXPECT_EQ(text(catalogue), "every 1-4; 5-9");
}

}  // namespace
}  // namespace litewright
