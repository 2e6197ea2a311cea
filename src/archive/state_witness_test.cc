// Segments of another line in an archive: told by what the others were built on.
#include "archive/state_witness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace litewright {
namespace {

// The state after a commit on a line; line 0 is ours, another left it after its own number.
std::uint64_t state(std::uint64_t txid, std::uint64_t line) { return 1000 * txid + (txid > line ? line : 0); }

CommitRecord commit(std::uint64_t txid, std::uint64_t line) {
  CommitRecord commit;
  commit.txid = Txid(txid);
  commit.checksum = {state(txid, line), 7};
  return commit;
}

// Segments of one commit each, 1 to `count`, as a writer on that line makes them.
std::vector<SegmentEntry> line_of(std::uint64_t count, std::uint64_t line) {
  std::vector<SegmentEntry> segments;
  WitnessedLine ends;
  for (std::uint64_t txid = 1; txid <= count; ++txid) {
    SegmentEntry entry;
    entry.name = segment_name(Txid(txid - 1), Txid(txid));
    entry.header.base = Txid(txid - 1);
    entry.header.last = Txid(txid);
    entry.header.witnesses = ends.witnesses();
    entry.first = entry.last = commit(txid, line);
    ends.add(entry.last);
    segments.push_back(entry);
  }
  return segments;
}

// Ours of 20 commits, with some of those put in that a copy made which went on by itself after commit 5.
std::set<std::uint64_t> left_out(const std::set<std::uint64_t>& foreign, std::uint64_t count = 20) {
  std::vector<SegmentEntry> mixed = line_of(count, 0);
  const std::vector<SegmentEntry> other = line_of(count, 5);
  for (const std::uint64_t txid : foreign) mixed[txid - 1] = other[txid - 1];
  std::set<std::uint64_t> out;
  for (const DisputedSegment& one : disputed_segments(mixed)) {
    EXPECT_NE(one.reason.find("is of another line"), std::string::npos);
    out.insert(one.index + 1);
  }
  return out;
}

TEST(StateWitness, OneLineAgreesWithItself) {
  EXPECT_TRUE(left_out({}).empty());
  EXPECT_TRUE(disputed_segments(line_of(40, 5)).empty());
}

TEST(StateWitness, WhatAnotherLineMadeIsLeftOutWhereverItLies) {
  for (std::uint64_t txid = 6; txid < 20; ++txid) EXPECT_EQ(left_out({txid}), (std::set{txid})) << txid;
  for (std::uint64_t txid = 6; txid < 16; ++txid) {
    const std::set<std::uint64_t> three = {txid, txid + 1, txid + 2};
    EXPECT_EQ(left_out(three), three) << txid;
    EXPECT_EQ(left_out({txid, txid + 3}), (std::set{txid, txid + 3})) << txid;
  }
}

TEST(StateWitness, OfTwoThatOnlyContradictEachOtherBothGo) {
  EXPECT_EQ(left_out({6}, 7), (std::set<std::uint64_t>{6, 7}));
}

TEST(StateWitness, TheNewestAloneIsContradictedByItsOwnWitnesses) {
  EXPECT_EQ(left_out({20}), (std::set<std::uint64_t>{20}));
  EXPECT_TRUE(left_out({6}, 6).empty());  // the first after the fork, and nothing behind it: nobody can tell
}

TEST(StateWitness, SegmentsWithoutWitnessesContradictNobody) {
  std::vector<SegmentEntry> old = line_of(10, 0);
  for (SegmentEntry& entry : old) entry.header.witnesses = {};
  old[7] = line_of(10, 5)[7];
  EXPECT_EQ(disputed_segments(old).size(), 1u);  // the witnesses of the one that has some
}

}  // namespace
}  // namespace litewright
