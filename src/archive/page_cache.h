// The latest captured content of recently changed pages: direct-mapped, so that hot pages need no read for
// their delta. Its memory is there from the first put() to give_back_memory(), and touched only where it is
// used.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/types.h"

namespace litewright {

class PageCache {
 public:
  PageCache(std::uint32_t page_size, std::size_t bytes)
      : page_size_(page_size), slots_(std::max<std::size_t>(bytes / page_size, 16)) {}

  // Empty where the page is not held; valid until the next put().
  Bytes get(PageNumber page) const {
    const std::size_t slot = page.value % slots_;
    if (pages_.empty() || pages_[slot] != page.value) return {};
    return Bytes(content_.get() + slot * page_size_, page_size_);
  }

  void put(PageNumber page, Bytes content) {
    if (pages_.empty()) {
      pages_.resize(slots_);
      content_ = std::make_unique_for_overwrite<std::byte[]>(slots_ * page_size_);
    }
    const std::size_t slot = page.value % slots_;
    pages_[slot] = page.value;
    std::ranges::copy(content, content_.get() + slot * page_size_);
  }

  void give_back_memory() {
    pages_ = {};
    content_.reset();
  }

  // Pages beyond the database's end are forgotten: they may come back as pages of zeros.
  void truncate(std::uint32_t page_count) {
    for (std::uint32_t& page : pages_) {
      if (page > page_count) page = 0;
    }
  }

 private:
  std::uint32_t page_size_;
  std::size_t slots_;
  std::vector<std::uint32_t> pages_;
  std::unique_ptr<std::byte[]> content_;
};

}  // namespace litewright
