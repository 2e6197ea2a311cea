#include "format/lock_bytes.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace litewright {
namespace {

struct Lock {
  LockType type;
  LockRange range;
};

constexpr std::uint64_t kEndOfFile = std::numeric_limits<std::uint64_t>::max();
constexpr auto kRead = LockType::kRead;
constexpr auto kWrite = LockType::kWrite;

// The ranges are as /proc/locks prints them (FACTS 1).
TEST(LockBytes, MainFileLocksOfOneProcessGiveItsState) {
  struct Case {
    std::vector<Lock> locks;
    const char* state;
  };
  const Case cases[] = {
      {{}, "nothing"},
      {{{kRead, {1073741826, 1073742335}}}, "shared"},
      {{{kRead, {1073741824, 1073741824}}}, "shared"},
      {{{kRead, {1073741826, 1073742335}}, {kWrite, {1073741825, 1073741825}}}, "reserved"},
      {{{kRead, {1073741826, 1073742335}}, {kWrite, {1073741824, 1073741825}}}, "pending"},
      {{{kWrite, {1073741824, 1073742335}}}, "exclusive"},
      {{{kWrite, {1073741824, 1073741824}}, {kWrite, {1073741826, 1073742335}}}, "exclusive"},
      {{{kWrite, {0, kEndOfFile}}}, "exclusive"},
      {{{kWrite, {1073741826, kEndOfFile}}}, "exclusive"},
      {{{kWrite, {0, 1073741823}}}, "nothing"},
      {{{kWrite, {1073742336, kEndOfFile}}}, "nothing"},
      {{{kRead, {1073742335, 1073742335}}}, "shared"},
  };
  for (const Case& c : cases) {
    MainFileLocks held;
    for (const Lock& lock : c.locks) held |= decode_main_file_lock(lock.type, lock.range);
    EXPECT_EQ(describe(held), c.state);
  }
}

TEST(LockBytes, WalIndexLocksAreFoundInMergedRanges) {
  struct Case {
    std::vector<Lock> locks;
    const char* what;
    bool writes, checkpoints, blocks_backfill, blocks_restart;
  };
  const Case cases[] = {
      {{}, "nothing", false, false, false, false},
      {{{kRead, {128, 128}}}, "DMS", false, false, false, false},
      {{{kRead, {124, 124}}, {kRead, {128, 128}}}, "READ1", false, false, false, true},
      {{{kRead, {123, 124}}, {kRead, {128, 128}}}, "READ0, READ1", false, false, true, true},
      {{{kRead, {127, 128}}}, "READ4", false, false, false, true},
      {{{kWrite, {120, 120}}, {kRead, {126, 126}}}, "WRITE, READ3", true, false, false, true},
      {{{kWrite, {120, 121}}, {kRead, {123, 123}}}, "WRITE, CHECKPOINT, READ0", true, true, true, false},
      {{{kWrite, {121, 121}}, {kWrite, {123, 124}}},
       "CHECKPOINT, READ0 exclusive, READ1 exclusive",
       false,
       true,
       true,
       true},
      {{{kWrite, {120, 122}}}, "WRITE, CHECKPOINT, RECOVER", true, true, false, false},
      {{{kRead, {0, 119}}}, "nothing", false, false, false, false},
      {{{kRead, {129, kEndOfFile}}}, "nothing", false, false, false, false},
  };
  for (const Case& c : cases) {
    WalIndexLocks held;
    for (const Lock& lock : c.locks) held |= decode_wal_index_lock(lock.type, lock.range);
    EXPECT_EQ(describe(held), c.what);
    EXPECT_EQ(held.writes(), c.writes) << c.what;
    EXPECT_EQ(held.checkpoints(), c.checkpoints) << c.what;
    EXPECT_EQ(held.blocks_backfill(), c.blocks_backfill) << c.what;
    EXPECT_EQ(held.blocks_restart(), c.blocks_restart) << c.what;
  }
}

TEST(LockBytes, AnEmptyRangeMeetsNothing) {
  EXPECT_EQ(decode_wal_index_lock(kWrite, {121, 120}), WalIndexLocks{});
}

}  // namespace
}  // namespace litewright
