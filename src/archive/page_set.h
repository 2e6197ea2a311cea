// A set of pages of one database: a bit a page.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <vector>

#include "base/types.h"

namespace litewright {

class PageSet {
 public:
  // Of pages 1 to `page_count`; empty.
  explicit PageSet(std::uint32_t page_count) : words_(page_count / 64 + 1) {}

  // From several threads at once.
  void add(PageNumber page) {
    std::atomic_ref(words_[page.value / 64]).fetch_or(bit(page), std::memory_order_relaxed);
  }
  // These not while pages are added.
  bool has(PageNumber page) const {
    return page.value / 64 < words_.size() && (words_[page.value / 64] & bit(page)) != 0;
  }
  // Whether any of the pages first to last is in it.
  bool any(PageNumber first, PageNumber last) const {
    for (std::uint64_t word = first.value / 64; word <= last.value / 64 && word < words_.size(); ++word) {
      std::uint64_t bits = words_[word];
      if (word == first.value / 64) bits &= ~std::uint64_t{0} << first.value % 64;
      if (word == last.value / 64) bits &= ~std::uint64_t{0} >> (63 - last.value % 64);
      if (bits != 0) return true;
    }
    return false;
  }
  std::uint64_t count() const {
    std::uint64_t all = 0;
    for (const std::uint64_t word : words_) all += static_cast<std::uint64_t>(std::popcount(word));
    return all;
  }

 private:
  static std::uint64_t bit(PageNumber page) { return std::uint64_t{1} << page.value % 64; }
  std::vector<std::uint64_t> words_;
};

}  // namespace litewright
