// When pages were last outside the database. A commit that makes the database smaller drops pages; where it
// grows again later, a page nobody wrote since is zeros: versions from before the drop no longer count.
#pragma once

#include <algorithm>
#include <vector>

#include "base/types.h"

namespace litewright {

class PageDrops {
 public:
  // Commits in ascending order. Memory: 16 bytes for each size that no later commit went below, so at most
  // one a page of the database.
  void add(Txid txid, std::uint32_t page_count) {
    while (!floors_.empty() && floors_.back().page_count >= page_count) floors_.pop_back();
    floors_.push_back({page_count, txid});
  }

  // The newest commit after which `page` was not in the database; 0: it was in all of them.
  Txid dropped_at(PageNumber page) const {
    const auto above = std::ranges::lower_bound(floors_, page.value, {}, &Floor::page_count);
    return above == floors_.begin() ? Txid(0) : std::prev(above)->txid;
  }

 private:
  struct Floor {
    std::uint32_t page_count;
    Txid txid;
  };
  std::vector<Floor> floors_;  // both ascending
};

}  // namespace litewright
