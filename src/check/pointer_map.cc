#include "check/pointer_map.h"

#include <fmt/format.h>

#include "base/bytes.h"

namespace litewright {
namespace {

constexpr std::uint32_t kEntryBytes = 5;

}  // namespace

PageNumber pointer_map_page(PageNumber page, std::uint32_t page_size, std::uint32_t usable_bytes) {
  if (page.value < 2) return PageNumber(0);
  const std::uint32_t stride = usable_bytes / kEntryBytes + 1;
  PageNumber number((page.value - 2) / stride * stride + 2);
  if (number == lock_page(page_size)) ++number;
  return number;
}

Bytes PointerMap::page_of_map(PageNumber number) {
  Kept& kept = kept_[number.value / (source_.usable_bytes() / kEntryBytes + 1) % kKept];
  if (kept.number != number) {
    kept.bytes.resize(source_.page_size());
    source_.read(number, kept.bytes);
    kept.number = number;
  }
  return kept.bytes;
}

std::optional<std::string> PointerMap::fault(PageNumber page, PointerKind kind, PageNumber parent) {
  const PageNumber map = pointer_map_page(page, source_.page_size(), source_.usable_bytes());
  if (map.value == 0 || map.value > source_.page_count() || page <= map) {
    return fmt::format("page {} has no entry in the pointer map", page.value);
  }
  const std::uint32_t at = kEntryBytes * (page.value - map.value - 1);
  const Bytes bytes = page_of_map(map);
  const std::uint32_t has_kind = load_u8(bytes, at), has_parent = load_be32(bytes, at + 1);
  if (has_kind == static_cast<std::uint32_t>(kind) && has_parent == parent.value) return std::nullopt;
  return fmt::format("the pointer map has kind {} and parent {} for page {}, not {} and {}", has_kind,
                     has_parent, page.value, static_cast<unsigned>(kind), parent.value);
}

}  // namespace litewright
