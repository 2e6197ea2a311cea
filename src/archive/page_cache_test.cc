#include "archive/page_cache.h"

#include <gtest/gtest.h>

namespace litewright {
namespace {

std::vector<std::byte> page_of(int content, std::size_t size = 512) {
  return std::vector<std::byte>(size, static_cast<std::byte>(content));
}

bool holds(const PageCache& cache, PageNumber page, int content) {
  const Bytes held = cache.get(page);
  const auto expected = page_of(content);
  return std::equal(held.begin(), held.end(), expected.begin(), expected.end());
}

TEST(PageCache, GivesWhatWasPutLast) {
  PageCache cache(512, 512 * 64);
  EXPECT_TRUE(cache.get(PageNumber(1)).empty());
  cache.put(PageNumber(1), page_of(1));
  cache.put(PageNumber(1), page_of(2));
  EXPECT_TRUE(holds(cache, PageNumber(1), 2));
}

TEST(PageCache, APageOfTheSamePlaceDrivesTheOtherOut) {
  PageCache cache(512, 512 * 64);
  cache.put(PageNumber(5), page_of(1));
  cache.put(PageNumber(5 + 64), page_of(2));
  EXPECT_TRUE(cache.get(PageNumber(5)).empty());
  EXPECT_TRUE(holds(cache, PageNumber(69), 2));
}

TEST(PageCache, HoldsAFewPagesWhateverItsBound) {
  PageCache cache(65536, 1);
  cache.put(PageNumber(1), page_of(1, 65536));
  EXPECT_EQ(cache.get(PageNumber(1)).size(), 65536u);
}

TEST(PageCache, PagesBeyondTheDatabasesEndAreForgotten) {
  PageCache cache(512, 512 * 64);
  for (std::uint32_t page = 1; page <= 20; page++) cache.put(PageNumber(page), page_of(1));
  cache.truncate(10);
  EXPECT_TRUE(holds(cache, PageNumber(10), 1));
  EXPECT_TRUE(cache.get(PageNumber(11)).empty());
  cache.truncate(0);
  EXPECT_TRUE(cache.get(PageNumber(1)).empty());
}

}  // namespace
}  // namespace litewright
