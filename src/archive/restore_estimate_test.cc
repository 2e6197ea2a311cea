#include "archive/restore_estimate.h"

#include <gtest/gtest.h>

namespace litewright {
namespace {

SegmentEntry entry(std::uint64_t base, std::uint64_t last, std::uint64_t size, std::uint64_t first = 0) {
  SegmentEntry made;
  made.size = size;
  made.header.base = Txid(base);
  made.header.last = Txid(last);
  made.first.txid = Txid(first > 0 ? first : base + 1);
  made.last.txid = Txid(last);
  return made;
}

RestoreProof proof(double seconds, std::uint64_t bytes, const char* host) {
  RestoreProof made;
  made.restore_time = std::chrono::duration<double>(seconds);
  made.bytes = bytes;
  made.host = host;
  return made;
}

CommitRecord commit(std::uint64_t txid, std::uint32_t pages) {
  CommitRecord made;
  made.txid = Txid(txid);
  made.page_count = pages;
  return made;
}

// A snapshot of 5000 bytes up to commit 10, 500 bytes for each 10 commits up to 50, a snapshot of commit 30.
Catalogue sample() {
  Catalogue catalogue;
  catalogue.segments = {entry(0, 10, 5000, 5), entry(0, 30, 6000, 30), entry(10, 20, 500),
                        entry(20, 30, 500),    entry(30, 40, 500),     entry(40, 50, 500)};
  return catalogue;
}

TEST(RestoreEstimate, IsUnknownBeforeTheFirstProof) {
  const RestoreEstimate estimate(sample(), "db1");
  EXPECT_FALSE(estimate.known());
  EXPECT_FALSE(estimate.of_bytes(1, 1));
  EXPECT_FALSE(estimate.of_commit(commit(7, 1), 512));
}

TEST(RestoreEstimate, FollowsTheBytesThatTheCommitsPlanReadsAndWrites) {
  Catalogue catalogue = sample();
  catalogue.proofs = {proof(1, 1000, "db1")};  // a millisecond a byte
  const RestoreEstimate estimate(catalogue, "db1");
  const struct {
    std::uint64_t txid;
    std::optional<double> seconds;
  } cases[] = {{4, std::nullopt}, {5, 6.0}, {10, 6.0}, {11, 6.5}, {25, 7.0}, {30, 7.0}, {31, 7.5}, {50, 8.0}};
  for (const auto& c : cases) {
    const auto got = estimate.of_commit(commit(c.txid, 1), 1000);
    ASSERT_EQ(got.has_value(), c.seconds.has_value()) << c.txid;
    if (!got) continue;
    EXPECT_NEAR(got->count(), *c.seconds, 1e-9) << c.txid;
  }
  EXPECT_NEAR(estimate.of_bytes(200, 300)->count(), 0.5, 1e-9);
}

TEST(RestoreEstimate, CountsTheLastThreeProofsOfThisHostOrOfAny) {
  Catalogue catalogue = sample();
  catalogue.proofs = {proof(100, 1000, "db1"), proof(1, 1000, "db1"), proof(50, 1000, "db2"),
                      proof(2, 1000, "db1"), proof(3, 1000, "db1")};
  EXPECT_NEAR(RestoreEstimate(catalogue, "db1").of_bytes(0, 1000)->count(), 2, 1e-9);
  EXPECT_NEAR(RestoreEstimate(catalogue, "db2").of_bytes(0, 1000)->count(), 50, 1e-9);
  EXPECT_NEAR(RestoreEstimate(catalogue, "db3").of_bytes(0, 1000)->count(), 55.0 / 3, 1e-9);
}

}  // namespace
}  // namespace litewright
