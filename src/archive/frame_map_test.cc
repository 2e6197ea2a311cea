#include "archive/frame_map.h"

#include <gtest/gtest.h>

namespace litewright {
namespace {

TEST(FrameMap, GivesTheLatestFrameOfAPageAndZeroForOthers) {
  FrameMap map;
  EXPECT_EQ(map.get(PageNumber(1)), FrameNumber(0));
  map.put(PageNumber(1), FrameNumber(5));
  map.put(PageNumber(2), FrameNumber(6));
  map.put(PageNumber(1), FrameNumber(7));
  EXPECT_EQ(map.get(PageNumber(1)), FrameNumber(7));
  EXPECT_EQ(map.get(PageNumber(2)), FrameNumber(6));
  EXPECT_EQ(map.get(PageNumber(0xffffffff)), FrameNumber(0));
}

TEST(FrameMap, KeepsEveryPageWhileItGrows) {
  FrameMap map;
  constexpr std::uint32_t kPages = 100'000;
  // Far apart and close together, so that slots collide.
  for (std::uint32_t i = 1; i <= kPages; i++) map.put(PageNumber(i * 16411u), FrameNumber(i));
  for (std::uint32_t i = 1; i <= kPages; i++) ASSERT_EQ(map.get(PageNumber(i * 16411u)), FrameNumber(i)) << i;
}

TEST(FrameMap, BeyondItsBoundNewPagesAreNotRememberedAndOldOnesStillAre) {
  FrameMap map;
  constexpr auto kMost = static_cast<std::uint32_t>(FrameMap::kMaxEntries);
  for (std::uint32_t i = 1; i <= kMost + 1000; i++) map.put(PageNumber(i), FrameNumber(i));
  EXPECT_EQ(map.get(PageNumber(kMost)), FrameNumber(kMost));
  EXPECT_EQ(map.get(PageNumber(kMost + 1)), FrameNumber(0));
  map.put(PageNumber(7), FrameNumber(2'000'000));
  EXPECT_EQ(map.get(PageNumber(7)), FrameNumber(2'000'000));
}

TEST(FrameMap, ClearForgetsTheGeneration) {
  FrameMap map;
  for (std::uint32_t i = 1; i <= 50'000; i++) map.put(PageNumber(i), FrameNumber(i));
  map.clear();
  for (std::uint32_t i = 1; i <= 50'000; i++) ASSERT_EQ(map.get(PageNumber(i)), FrameNumber(0)) << i;
  map.put(PageNumber(3), FrameNumber(9));
  EXPECT_EQ(map.get(PageNumber(3)), FrameNumber(9));
}

}  // namespace
}  // namespace litewright
