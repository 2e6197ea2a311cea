// The pointer map of an auto-vacuum database: for each page its kind and parent, so that the page can be
// moved. sqlite.org/fileformat2.html section 1.8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "check/page_source.h"

namespace litewright {

enum class PointerKind : std::uint8_t {
  kRoot = 1,
  kFree = 2,
  kOverflowFirst = 3,
  kOverflowNext = 4,
  kBTree = 5
};

// The page of the map that speaks of `page`; a page of the map speaks of itself.
PageNumber pointer_map_page(PageNumber page, std::uint32_t page_size, std::uint32_t usable_bytes);

// One thread's view; keeps a few pages of the map.
class PointerMap {
 public:
  explicit PointerMap(PageSource& source) : source_(source) {}
  // What is wrong with the entry of `page`; empty where it says `kind` and `parent`.
  std::optional<std::string> fault(PageNumber page, PointerKind kind, PageNumber parent);

 private:
  static constexpr std::size_t kKept = 16;
  struct Kept {
    PageNumber number;
    std::vector<std::byte> bytes;
  };
  Bytes page_of_map(PageNumber number);

  PageSource& source_;
  std::vector<Kept> kept_ = std::vector<Kept>(kKept);
};

}  // namespace litewright
