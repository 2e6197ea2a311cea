#include "archive/page_delta.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <random>
#include <string>

namespace litewright {
namespace {

using Page = std::vector<std::byte>;

void store_16(Page& page, std::size_t at, std::size_t value) {
  page[at] = static_cast<std::byte>(value >> 8);
  page[at + 1] = static_cast<std::byte>(value);
}
std::size_t load_16(const Page& page, std::size_t at) {
  return std::to_integer<std::size_t>(page[at]) << 8 | std::to_integer<std::size_t>(page[at + 1]);
}

// A table leaf as SQLite lays it out: header, pointers, free space, cells from the end downward.
Page empty_leaf(std::size_t size) {
  Page page(size);
  page[0] = std::byte{13};
  store_16(page, 5, size & 0xffff);
  return page;
}

void insert_cell(Page& page, std::size_t index, std::size_t length, std::mt19937& random) {
  const std::size_t cells = load_16(page, 3);
  const std::size_t top = load_16(page, 5) == 0 ? 65536 : load_16(page, 5);
  if (top < length + 8 + 2 * (cells + 1)) return;
  for (std::size_t i = cells; i > index; --i) store_16(page, 8 + 2 * i, load_16(page, 8 + 2 * (i - 1)));
  for (std::size_t i = top - length; i < top; ++i) page[i] = static_cast<std::byte>(random());
  store_16(page, 8 + 2 * index, top - length);
  store_16(page, 3, cells + 1);
  store_16(page, 5, top - length);
}

void remove_cell(Page& page, std::size_t index) {
  const std::size_t cells = load_16(page, 3);
  for (std::size_t i = index; i + 1 < cells; ++i) store_16(page, 8 + 2 * i, load_16(page, 8 + 2 * (i + 1)));
  store_16(page, 3, cells - 1);
}

Page filled_leaf(std::size_t size, std::size_t cells, std::mt19937& random) {
  Page page = empty_leaf(size);
  for (std::size_t i = 0; i < cells; ++i) insert_cell(page, random() % (i + 1), 20, random);
  return page;
}

// The delta, which was applied and gave `after` again; nullopt where it did not fit.
std::optional<Page> proven_delta(const Page& before, const Page& after, std::size_t limit) {
  Page out(3, std::byte{0xee});  // what stands before it stays
  const auto length = append_page_delta(before, after, limit, out);
  EXPECT_TRUE(std::all_of(out.begin(), out.begin() + 3, [](std::byte b) { return b == std::byte{0xee}; }));
  EXPECT_EQ(out.size(), 3 + length.value_or(0));
  if (!length) return std::nullopt;
  EXPECT_LE(*length, limit);
  const Page delta(out.begin() + 3, out.end());
  Page made(before.size(), std::byte{0x55});
  EXPECT_TRUE(apply_page_delta(before, delta, made));
  EXPECT_TRUE(made == after);
  return delta;
}

TEST(PageDelta, is_empty_for_equal_pages) {
  std::mt19937 random(1);
  const Page page = filled_leaf(4096, 50, random);
  EXPECT_EQ(proven_delta(page, page, 0), Page());
}

TEST(PageDelta, turns_any_page_into_any_other_or_says_that_it_does_not_fit) {
  const bool held = rc::check([] {
    const std::size_t size = *rc::gen::element<std::size_t>(512, 4096, 65536);
    std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
    Page before(size), after(size);
    for (auto& byte : before) byte = static_cast<std::byte>(random());
    after = before;
    // Runs of random lengths at random places: changed, shifted, or set to one value.
    for (int edits = *rc::gen::inRange(0, 20); edits > 0; --edits) {
      const std::size_t at = random() % size;
      const std::size_t length = std::min<std::size_t>(random() % 200, size - at);
      const std::size_t from = random() % (size - length);
      if (random() % 3 == 0)
        std::copy_n(before.begin() + from, length, after.begin() + at);
      else
        for (std::size_t i = at; i < at + length; ++i) after[i] = static_cast<std::byte>(random() % 3);
    }
    if (!proven_delta(before, after, size)) RC_ASSERT(before != after);
    const auto small = proven_delta(before, after, size / 16);
    RC_ASSERT(!small || small->size() <= size / 16);
  });
  EXPECT_TRUE(held);
}

TEST(PageDelta, turns_a_leaf_into_what_inserts_updates_and_deletes_make_of_it) {
  const bool held = rc::check([] {
    const std::size_t size = *rc::gen::element<std::size_t>(512, 4096, 65536);
    std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
    const Page before = filled_leaf(size, random() % 60, random);
    Page after = before;
    for (int edits = *rc::gen::inRange(1, 6); edits > 0; --edits) {
      const std::size_t cells = load_16(after, 3);
      const auto kind = random() % 3;
      if (kind == 0) insert_cell(after, random() % (cells + 1), 4 + random() % 80, random);
      if (kind == 1 && cells > 0) remove_cell(after, random() % cells);
      if (kind == 2) after[size - 1 - random() % (size / 4)] = static_cast<std::byte>(random());
    }
    RC_ASSERT(proven_delta(before, after, size).has_value());
  });
  EXPECT_TRUE(held);
}

TEST(PageDelta, costs_little_more_than_the_cell_for_an_insert_anywhere_in_the_pointer_array) {
  std::mt19937 random(7);
  const Page before = filled_leaf(4096, 100, random);
  for (const std::size_t index : {0, 1, 17, 50, 99, 100}) {
    Page after = before;
    insert_cell(after, index, 30, random);
    const auto delta = proven_delta(before, after, 4096);
    ASSERT_TRUE(delta.has_value());
    EXPECT_LE(delta->size(), 30u + 25u) << "inserted as cell " << index;
  }
}

TEST(PageDelta, costs_a_few_bytes_for_two_inserts_and_a_removal_at_different_places) {
  std::mt19937 random(8);
  const Page before = filled_leaf(4096, 100, random);
  Page after = before;
  insert_cell(after, 20, 10, random);
  insert_cell(after, 70, 10, random);
  remove_cell(after, 90);
  const auto delta = proven_delta(before, after, 4096);
  ASSERT_TRUE(delta.has_value());
  EXPECT_LE(delta->size(), 20u + 45u);
}

TEST(PageDelta, gives_up_at_the_limit_and_leaves_the_output_alone) {
  Page before(4096), after(4096, std::byte{1});
  EXPECT_EQ(proven_delta(before, after, 4095), std::nullopt);
  EXPECT_EQ(proven_delta(before, after, 0), std::nullopt);
  after = before;
  after[100] = std::byte{1};
  const auto delta = proven_delta(before, after, 4096);
  ASSERT_TRUE(delta.has_value());
  EXPECT_EQ(proven_delta(before, after, delta->size()), delta);
  EXPECT_EQ(proven_delta(before, after, delta->size() - 1), std::nullopt);
}

TEST(PageDelta, is_applied_operation_by_operation) {
  struct Case {
    const char* name;
    std::vector<int> delta;
    const char* after;  // of "abcdefgh"; nullptr: refused
  };
  const std::vector<int> longest = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
  const Case cases[] = {
      {"nothing", {}, "abcdefgh"},
      {"same to the end", {8 * 4}, "abcdefgh"},
      {"same past the end", {9 * 4}, nullptr},
      {"literal", {2 * 4, 2 * 4 + 1, 'X', 'Y'}, "abXYefgh"},
      {"literal past the delta's end", {2 * 4, 3 * 4 + 1, 'X', 'Y'}, nullptr},
      {"literal past the page", {7 * 4, 2 * 4 + 1, 'X', 'Y'}, nullptr},
      {"moved from before", {4 * 4, 2 * 4 + 2, 2 * 4 - 1}, "abcdabgh"},
      {"moved from behind", {2 * 4 + 2, 2 * 6}, "ghcdefgh"},
      {"moved from before the page", {2 * 4 + 2, 1}, nullptr},
      {"moved from past the page", {2 * 4 + 2, 2 * 7}, nullptr},
      {"moved without a distance", {2 * 4 + 2}, nullptr},
      {"a kind that does not exist", {3}, nullptr},
      {"a length that overflows", longest, nullptr},
      {"a number without an end", {0x80}, nullptr},
  };
  const std::string text = "abcdefgh";
  const Bytes before = std::as_bytes(std::span(text));
  for (const auto& c : cases) {
    Page delta, made(8);
    for (const int byte : c.delta) delta.push_back(static_cast<std::byte>(byte));
    ASSERT_EQ(apply_page_delta(before, delta, made), c.after != nullptr) << c.name;
    if (c.after != nullptr) {
      EXPECT_EQ(std::string(reinterpret_cast<char*>(made.data()), 8), c.after) << c.name;
    }
  }
  Page shorter(7);
  EXPECT_FALSE(apply_page_delta(before, {}, shorter));
}

TEST(PageDelta, stays_within_the_page_whatever_the_bytes) {
  const bool held = rc::check([](const std::vector<std::uint8_t>& noise) {
    const Page before(512, std::byte{7});
    Page made(512);
    (void)apply_page_delta(before, std::as_bytes(std::span(noise)), made);  // the sanitizers judge
  });
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace litewright
