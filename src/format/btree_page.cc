#include "format/btree_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "format/database_header.h"
#include "format/varint.h"

namespace litewright {
namespace {

constexpr std::uint32_t kLeastUsableBytes = 480;
constexpr std::uint32_t kLeastCellBytes = 4;
constexpr std::uint32_t kLeastFreeblockBytes = 4;
constexpr std::uint32_t kPageNumberBytes = 4;

bool is_kind(std::uint8_t flags) { return flags == 2 || flags == 5 || flags == 10 || flags == 13; }

std::unexpected<Malformed> outside(std::uint32_t index, std::uint32_t offset, std::uint32_t usable_bytes) {
  return malformed(
      offset, fmt::format("cell {} at {} runs past the page's {} usable bytes", index, offset, usable_bytes));
}

}  // namespace

std::uint32_t local_payload_bytes(BTreePageKind kind, std::uint64_t payload_bytes,
                                  std::uint32_t usable_bytes) {
  const std::uint32_t most =
      kind == BTreePageKind::kLeafTable ? usable_bytes - 35 : (usable_bytes - 12) * 64 / 255 - 23;
  if (payload_bytes <= most) return static_cast<std::uint32_t>(payload_bytes);
  const std::uint32_t least = (usable_bytes - 12) * 32 / 255 - 23;
  // What then overflows fills whole pages, where that keeps no more than `most` here.
  const auto fitting =
      static_cast<std::uint32_t>(least + (payload_bytes - least) % (usable_bytes - kPageNumberBytes));
  return fitting <= most ? fitting : least;
}

std::uint32_t overflow_page_count(std::uint64_t payload_bytes, std::uint64_t local_bytes,
                                  std::uint32_t usable_bytes) {
  if (payload_bytes <= local_bytes) return 0;
  const std::uint64_t on_each = usable_bytes - kPageNumberBytes;
  return static_cast<std::uint32_t>((payload_bytes - local_bytes + on_each - 1) / on_each);
}

std::expected<BTreePage, Malformed> BTreePage::parse(PageNumber number, Bytes page,
                                                     std::uint32_t usable_bytes) {
  if (usable_bytes < kLeastUsableBytes || usable_bytes > page.size()) {
    return malformed(page.size(),
                     fmt::format("page has {} bytes, {} are said to be usable", page.size(), usable_bytes),
                     Malformed::Kind::kTruncated);
  }
  const std::uint32_t at = number == PageNumber(1) ? kDatabaseHeaderBytes : 0;
  BTreePage result(page, usable_bytes, at);
  const std::uint8_t flags = load_u8(page, at);
  if (!is_kind(flags))
    return malformed(at, fmt::format("page begins with {}, not a b-tree page's 2, 5, 10 or 13", flags));
  BTreePageHeader& header = result.header_;
  header.kind = static_cast<BTreePageKind>(flags);
  header.first_freeblock = load_be16(page, at + 1);
  header.cell_count = load_be16(page, at + 3);
  const std::uint16_t content_start = load_be16(page, at + 5);
  header.content_start = content_start == 0 ? 65536u : content_start;
  header.fragmented_bytes = load_u8(page, at + 7);
  if (!is_leaf(header.kind)) header.right_child = PageNumber(load_be32(page, at + 8));

  if (result.pointers_end() > usable_bytes) {
    return malformed(at + 3, fmt::format("{} cells do not fit a page of {} usable bytes", header.cell_count,
                                         usable_bytes));
  }
  if (header.content_start < result.pointers_end() || header.content_start > usable_bytes) {
    return malformed(at + 5, fmt::format("cell content starts at {}, not within {} to {}",
                                         header.content_start, result.pointers_end(), usable_bytes));
  }
  return result;
}

std::expected<BTreeCell, Malformed> BTreePage::cell(std::uint32_t index) const {
  if (index >= header_.cell_count) {
    return malformed(pointers_end(), fmt::format("cell {} of {}", index, header_.cell_count));
  }
  BTreeCell cell;
  cell.offset = load_be16(page_, pointers_at() + 2 * index);
  if (cell.offset < pointers_end() || cell.offset + kLeastCellBytes > usable_bytes_) {
    return malformed(pointers_at() + 2 * index,
                     fmt::format("cell {} is said to be at {}, not within {} to {}", index, cell.offset,
                                 pointers_end(), usable_bytes_));
  }
  const Bytes usable = page_.first(usable_bytes_);
  std::uint32_t at = cell.offset;
  if (!is_leaf(header_.kind)) {
    cell.left_child = PageNumber(load_be32(usable, at));
    at += kPageNumberBytes;
  }
  if (header_.kind != BTreePageKind::kInteriorTable) {
    const Varint payload = read_varint(usable, at);
    if (!payload) return outside(index, cell.offset, usable_bytes_);
    if (payload.value > kMaxPayloadBytes) {
      return malformed(at, fmt::format("cell {} claims a payload of {} bytes", index, payload.value));
    }
    cell.payload_bytes = payload.value;
    at += static_cast<std::uint32_t>(payload.length);
  }
  if (is_table(header_.kind)) {
    const Varint rowid = read_varint(usable, at);
    if (!rowid) return outside(index, cell.offset, usable_bytes_);
    cell.rowid = static_cast<std::int64_t>(rowid.value);
    at += static_cast<std::uint32_t>(rowid.length);
  }
  const std::uint32_t local = local_payload_bytes(header_.kind, cell.payload_bytes, usable_bytes_);
  const bool overflows = local < cell.payload_bytes;
  const std::uint32_t end = at + local + (overflows ? kPageNumberBytes : 0);
  cell.length = std::max(end - cell.offset, kLeastCellBytes);
  if (end > usable_bytes_) return outside(index, cell.offset, usable_bytes_);
  cell.local_payload = usable.subspan(at, local);
  if (overflows) {
    cell.first_overflow_page = PageNumber(load_be32(usable, at + local));
    cell.overflow_pages = overflow_page_count(cell.payload_bytes, local, usable_bytes_);
  }
  return cell;
}

std::expected<std::vector<Freeblock>, Malformed> BTreePage::freeblocks() const {
  std::vector<Freeblock> blocks;
  std::uint32_t named_at = header_at_ + 1;
  std::uint32_t at = header_.first_freeblock;
  std::uint32_t least = header_.content_start;
  // Bounded: each block begins behind the one before, at least 4 bytes on.
  while (at != 0) {
    if (at < least || at + kLeastFreeblockBytes > usable_bytes_) {
      return malformed(named_at, fmt::format("a freeblock is said to be at {}, not within {} to {}", at,
                                             least, usable_bytes_));
    }
    const Freeblock block{.offset = at, .bytes = load_be16(page_, at + 2)};
    if (block.bytes < kLeastFreeblockBytes || block.bytes > usable_bytes_ - at) {
      return malformed(at + 2, fmt::format("the freeblock at {} claims {} bytes", at, block.bytes));
    }
    blocks.push_back(block);
    named_at = at;
    at = load_be16(page_, block.offset);
    // Blocks with fewer than 4 bytes between them would have been joined.
    least = block.offset + block.bytes + kLeastFreeblockBytes;
  }
  return blocks;
}

std::expected<std::uint32_t, Malformed> BTreePage::free_bytes() const {
  const auto blocks = freeblocks();
  if (!blocks) return std::unexpected(blocks.error());
  std::uint32_t sum = header_.content_start - pointers_end() + header_.fragmented_bytes;
  for (const Freeblock& block : *blocks) sum += block.bytes;
  if (sum > usable_bytes_) {
    return malformed(header_at_ + 7,
                     fmt::format("{} bytes are said to be free of {} usable ones", sum, usable_bytes_));
  }
  return sum;
}

}  // namespace litewright
