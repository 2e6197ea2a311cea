#include "base/disk_space.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"

namespace litewright {
namespace {

TEST(DiskSpace, LeavesATwentiethOfASmallDiskAndAGibibyteOfALargeOne) {
  const DiskSpace small{.free = 10 << 20, .all = 100 << 20};
  EXPECT_EQ(small.reserve(), 5u << 20);
  EXPECT_TRUE(small.has_room_for(5 << 20));
  EXPECT_FALSE(small.has_room_for((5 << 20) + 1));
  const DiskSpace large{.free = 0, .all = 1ull << 40};
  EXPECT_EQ(large.reserve(), 1ull << 30);
  EXPECT_FALSE(large.has_room_for(0));
}

TEST(DiskSpace, AsksTheDiskOfWhatIsThereOfAPath) {
  const TestFolder folder;
  const DiskSpace here = disk_space(folder.path(""));
  EXPECT_GT(here.all, 0u);
  EXPECT_EQ(disk_space(folder.path("not/there/yet")).all, here.all);
}

}  // namespace
}  // namespace litewright
