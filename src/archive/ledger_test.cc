#include "archive/ledger.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <filesystem>
#include <map>

#include "base/error.h"

namespace litewright {
namespace {

constexpr std::uint32_t kPageSize = 65536;  // its lock page is 16385: within reach of a small test
constexpr std::uint32_t kLock = lock_page(kPageSize).value;

LedgerOptions options(std::size_t cache_bytes) {
  return {
      .folder = std::filesystem::temp_directory_path(), .page_size = kPageSize, .cache_bytes = cache_bytes};
}

// What the ledger should say, in the plainest form.
struct Model {
  std::map<std::uint32_t, Checksum128> entries;
  std::uint32_t page_count = 0;

  void set(std::uint32_t page, const Checksum128& checksum) {
    if (page == kLock) return;
    entries[page] = checksum;
    page_count = std::max(page_count, page);
  }
  void resize(std::uint32_t count) {
    entries.erase(entries.upper_bound(count), entries.end());
    page_count = count;
    for (std::uint32_t page = 1; page <= count; ++page) {
      if (page == kLock || entries.contains(page)) continue;
      entries[page] = Ledger::zero_page(PageNumber(page), kPageSize);
    }
  }
  Checksum128 sum() const {
    Checksum128 sum;
    for (const auto& [page, checksum] : entries) sum += checksum;
    return sum;
  }
};

void expect_equal(Ledger& ledger, const Model& model) {
  RC_ASSERT(ledger.page_count() == model.page_count);
  RC_ASSERT(ledger.sum() == model.sum());
}

TEST(Ledger, FollowsAModelThroughRandomHistoriesWithACacheOfEightBlocks) {
  const bool held = rc::check("ledger equals model", [] {
    Ledger ledger(options(32 << 10));
    Model model;
    const auto steps = *rc::gen::inRange(1, 60);
    for (int i = 0; i < steps; ++i) {
      const auto kind = *rc::gen::inRange(0, 10);
      const auto reach = *rc::gen::element(40u, 3000u, 20000u);
      if (kind < 7) {
        const auto first = *rc::gen::inRange(1u, reach);
        for (std::uint32_t page = first; page < first + 5; ++page) {
          const Checksum128 checksum{*rc::gen::inRange<std::uint64_t>(1, ~0ull),
                                     *rc::gen::arbitrary<std::uint64_t>()};
          ledger.set(PageNumber(page), checksum);
          model.set(page, checksum);
        }
      } else {
        const auto count = *rc::gen::inRange(0u, reach);
        ledger.resize(count);
        model.resize(count);
      }
      expect_equal(ledger, model);
    }
    for (std::uint32_t page = 1; page <= model.page_count + 300; ++page) {
      const auto found = model.entries.find(page);
      RC_ASSERT(ledger.get(PageNumber(page)) ==
                (found == model.entries.end() ? Checksum128{} : found->second));
    }
  });
  EXPECT_TRUE(held);
}

TEST(Ledger, PagesNeverWrittenCountAsZerosOnlyAfterResize) {
  Ledger ledger(options(1 << 20));
  ledger.set(PageNumber(10), {1, 2});
  EXPECT_EQ(ledger.page_count(), 10u);
  EXPECT_TRUE(ledger.get(PageNumber(5)).is_zero());
  EXPECT_EQ(ledger.sum(), (Checksum128{1, 2}));
  ledger.resize(10);
  EXPECT_EQ(ledger.get(PageNumber(5)), Ledger::zero_page(PageNumber(5), kPageSize));
  EXPECT_EQ(ledger.get(PageNumber(10)), (Checksum128{1, 2}));
}

TEST(Ledger, TheLockPageIsNeverSet) {
  Ledger ledger(options(1 << 20));
  ledger.resize(kLock - 1);
  const Checksum128 before = ledger.sum();
  ledger.set(PageNumber(kLock), {7, 7});
  EXPECT_EQ(ledger.page_count(), kLock - 1);
  ledger.resize(kLock);
  EXPECT_EQ(ledger.sum(), before);
  EXPECT_TRUE(ledger.get(PageNumber(kLock)).is_zero());
}

TEST(Ledger, ShrinkingToNothingForgetsEverything) {
  Ledger ledger(options(32 << 10));
  for (std::uint32_t page = 1; page <= 10000; ++page) ledger.set(PageNumber(page), {page, page});
  ledger.resize(0);
  EXPECT_EQ(ledger.page_count(), 0u);
  EXPECT_TRUE(ledger.sum().is_zero());
  ledger.resize(10000);
  EXPECT_EQ(ledger.get(PageNumber(9999)), Ledger::zero_page(PageNumber(9999), kPageSize));
}

TEST(Ledger, AFolderThatIsNotThereIsNamedWhenMemoryIsNotEnough) {
  try {
    Ledger ledger({.folder = "/nonexistent/state", .cache_bytes = 32 << 10});
    for (std::uint32_t page = 1; page <= 10000; ++page) ledger.set(PageNumber(page), {page, page});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("/nonexistent/state"), std::string::npos);
  }
}

}  // namespace
}  // namespace litewright
