// The latest captured content of recently changed pages: direct-mapped, so that hot pages need no read for
// their delta.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/types.h"

namespace litewright {

class PageCache {
 public:
  PageCache(std::uint32_t page_size, std::size_t bytes)
      : page_size_(page_size),
        pages_(std::max<std::size_t>(bytes / page_size, 16)),
        content_(pages_.size() * page_size) {}

  // Empty where the page is not held; valid until the next put().
  Bytes get(PageNumber page) const {
    const std::size_t slot = page.value % pages_.size();
    if (pages_[slot] != page.value) return {};
    return Bytes(content_).subspan(slot * page_size_, page_size_);
  }

  void put(PageNumber page, Bytes content) {
    const std::size_t slot = page.value % pages_.size();
    pages_[slot] = page.value;
    std::copy(content.begin(), content.end(),
              content_.begin() + static_cast<std::ptrdiff_t>(slot * page_size_));
  }

  // Pages beyond the database's end are forgotten: they may come back as pages of zeros.
  void truncate(std::uint32_t page_count) {
    for (std::uint32_t& page : pages_) {
      if (page > page_count) page = 0;
    }
  }

 private:
  std::uint32_t page_size_;
  std::vector<std::uint32_t> pages_;
  std::vector<std::byte> content_;
};

}  // namespace litewright
