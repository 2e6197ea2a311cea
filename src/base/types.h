// Strong types for the numbers that must not be mixed up: page numbers, frame numbers, txids.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace litewright {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

template <class Tag, class Rep>
struct Strong {
  Rep value = 0;

  constexpr Strong() = default;
  constexpr explicit Strong(Rep v) : value(v) {}
  constexpr auto operator<=>(const Strong&) const = default;
  constexpr Strong& operator++() {
    ++value;
    return *this;
  }
  constexpr Strong next() const { return Strong(value + 1); }
};

// A page of a database: 1 is the first; 0 means "none".
using PageNumber = Strong<struct PageNumberTag, std::uint32_t>;
// A frame of a WAL: 1 is the first; 0 means "none".
using FrameNumber = Strong<struct FrameNumberTag, std::uint32_t>;
// A commit in an archive: 1 is the first; 0 means "before the first". Dense, and never used twice.
using Txid = Strong<struct TxidTag, std::uint64_t>;

// The page that holds byte 1 GiB is never used (FACTS 15).
constexpr PageNumber lock_page(std::uint32_t page_size) { return PageNumber(0x40000000u / page_size + 1); }

// 512 to 65536 and a power of two.
constexpr bool valid_page_size(std::uint64_t size) {
  return size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
}

}  // namespace litewright

template <class Tag, class Rep>
struct std::hash<litewright::Strong<Tag, Rep>> {
  std::size_t operator()(litewright::Strong<Tag, Rep> s) const noexcept { return std::hash<Rep>{}(s.value); }
};
