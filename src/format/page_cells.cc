#include "format/page_cells.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "format/database_header.h"

namespace litewright {
namespace {

constexpr std::uint32_t kLeastCellBytes = 4;
constexpr std::uint32_t kPageNumberBytes = 4;
// Two varints and a page number: what a cell's beginning may take.
constexpr std::uint32_t kMostCellHeadBytes = 22;

// A payload's length: seven bits a byte, at most nine bytes, kept to 32 bits as SQLite keeps it.
std::uint32_t load_payload_bytes(const std::byte*& at) {
  std::uint32_t value = 0;
  for (int i = 0; i < 9; i++) {
    const auto byte = std::to_integer<std::uint32_t>(*at++);
    value = value << 7 | (byte & 0x7f);
    if (byte < 0x80) break;
  }
  return value;
}

std::int64_t load_rowid(const std::byte*& at) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; i++) {
    const auto byte = std::to_integer<std::uint64_t>(*at++);
    value = value << 7 | (byte & 0x7f);
    if (byte < 0x80) return static_cast<std::int64_t>(value);
  }
  return static_cast<std::int64_t>(value << 8 | std::to_integer<std::uint64_t>(*at++));
}

}  // namespace

std::uint8_t PageCells::u8(std::uint32_t at) const { return load_u8(page_, at); }
std::uint32_t PageCells::be16(std::uint32_t at) const { return load_be16(page_, at); }
std::uint32_t PageCells::be32(std::uint32_t at) const { return load_be32(page_, at); }

void PageCells::fault(std::int32_t cell, std::string what) {
  faults_.push_back({.cell = cell, .what = std::move(what)});
}

bool PageCells::read(PageNumber number, Bytes page, std::uint32_t usable_bytes) {
  page_ = page;
  usable_bytes_ = usable_bytes;
  cells_.clear();
  faults_.clear();
  if (!read_header(number) || !check_free_space()) return false;
  read_cells();
  return true;
}

bool PageCells::read_header(PageNumber number) {
  header_at_ = number == PageNumber(1) ? kDatabaseHeaderBytes : 0;
  const std::uint8_t flags = u8(header_at_);
  if (flags != 2 && flags != 5 && flags != 10 && flags != 13) {
    fault(PageFault::kWholePage, fmt::format("begins with {}, not a b-tree page's 2, 5, 10 or 13", flags));
    return false;
  }
  kind_ = static_cast<BTreePageKind>(flags);
  leaf_ = is_leaf(kind_);
  table_ = is_table(kind_);
  most_local_ =
      kind_ == BTreePageKind::kLeafTable ? usable_bytes_ - 35 : (usable_bytes_ - 12) * 64 / 255 - 23;
  least_local_ = (usable_bytes_ - 12) * 32 / 255 - 23;
  cell_count_ = be16(header_at_ + 3);
  content_start_ = be16(header_at_ + 5);
  if (content_start_ == 0) content_start_ = 65536;
  right_child_ = leaf_ ? PageNumber(0) : PageNumber(be32(header_at_ + 8));
  const auto most_cells = static_cast<std::uint32_t>((page_.size() - 8) / 6);
  if (cell_count_ > most_cells) {
    fault(PageFault::kWholePage,
          fmt::format("claims {} cells, more than the {} that fit", cell_count_, most_cells));
    return false;
  }
  return true;
}

// Freeblocks ascend, do not touch, and end within the page; with the gap and the fragments they leave room
// for the cell pointers and are no more than the page has.
bool PageCells::check_free_space() {
  const std::uint32_t pointers_end = header_at_ + (leaf_ ? 8 : 12) + 2 * cell_count_;
  std::uint64_t free_end = content_start_ + u8(header_at_ + 7);
  std::uint32_t at = be16(header_at_ + 1);
  std::uint32_t least = content_start_;
  while (at != 0) {
    if (at < least || at + 4 > usable_bytes_) {
      fault(PageFault::kWholePage,
            fmt::format("a freeblock at {} is not within {} to {}", at, least, usable_bytes_));
      return false;
    }
    const std::uint32_t bytes = be16(at + 2);
    if (at + bytes > usable_bytes_) {
      fault(PageFault::kWholePage, fmt::format("the freeblock at {} claims {} bytes", at, bytes));
      return false;
    }
    free_end += bytes;
    least = at + bytes + 4;
    at = be16(at);
  }
  if (free_end > usable_bytes_ || free_end < pointers_end) {
    fault(
        PageFault::kWholePage,
        fmt::format("the header's free space ends at {}, not within {} to {} (cells {}, content from {}, "
                    "fragments {})",
                    free_end, pointers_end, usable_bytes_, cell_count_, content_start_, u8(header_at_ + 7)));
    return false;
  }
  return true;
}

void PageCells::read_cells() {
  taken_.assign((usable_bytes_ + 63) / 64, 0);
  taken_bytes_ = 0;
  taken_twice_ = 0;
  const std::uint32_t pointers = header_at_ + (leaf_ ? 8 : 12);
  bool all_in_bounds = true;
  cells_.reserve(cell_count_);
  for (std::uint32_t i = 0; i < cell_count_; i++) {
    const std::uint32_t offset = be16(pointers + 2 * i);
    if (offset < content_start_ || offset > usable_bytes_ - kLeastCellBytes) {
      fault(static_cast<std::int32_t>(i), fmt::format("is said to be at {}, not within {} to {}", offset,
                                                      content_start_, usable_bytes_ - kLeastCellBytes));
      all_in_bounds = false;
    } else if (!read_cell(i, offset)) {
      fault(static_cast<std::int32_t>(i),
            fmt::format("at {} runs past the page's {} usable bytes", offset, usable_bytes_));
      all_in_bounds = false;
    }
  }
  if (all_in_bounds) check_coverage();
}

bool PageCells::read_cell(std::uint32_t index, std::uint32_t offset) {
  // Near the page's end the numbers are read from a copy that goes on with zeros: no number runs past it.
  std::byte tail[kMostCellHeadBytes + 1] = {};
  const std::byte* begin = page_.data() + offset;
  if (offset + kMostCellHeadBytes > page_.size()) {
    std::copy(begin, page_.data() + page_.size(), tail);
    begin = tail;
  }
  const std::byte* at = begin;
  PageCell& cell = cells_.emplace_back();
  cell.index = index;
  if (!leaf_) {
    cell.left_child = PageNumber(be32(offset));
    at += kPageNumberBytes;
  }
  if (leaf_ || !table_) cell.payload_bytes = load_payload_bytes(at);
  if (table_) cell.rowid = load_rowid(at);
  cell.local_at = offset + static_cast<std::uint32_t>(at - begin);
  std::uint32_t end = cell.local_at;
  if (cell.payload_bytes <= most_local_) {
    cell.local_bytes = cell.payload_bytes;
    end += cell.local_bytes;
  } else {
    const std::uint32_t fitting =
        least_local_ + (cell.payload_bytes - least_local_) % (usable_bytes_ - kPageNumberBytes);
    cell.local_bytes = fitting <= most_local_ ? fitting : least_local_;
    end += cell.local_bytes + kPageNumberBytes;
  }
  end = std::max(end, offset + kLeastCellBytes);
  if (end > usable_bytes_) {
    cells_.pop_back();
    return false;
  }
  if (cell.payload_bytes > cell.local_bytes)
    cell.first_overflow_page = PageNumber(be32(end - kPageNumberBytes));
  if (!take(offset, end - offset) && taken_twice_ == 0) taken_twice_ = offset;
  return true;
}

// Marks the bytes as used; false where one was already.
bool PageCells::take(std::uint32_t from, std::uint32_t bytes) {
  taken_bytes_ += bytes;
  bool fresh = true;
  while (bytes > 0) {
    const std::uint32_t bit = from % 64;
    const std::uint32_t here = std::min(64 - bit, bytes);
    const std::uint64_t mask = (here == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << here) - 1) << bit;
    std::uint64_t& word = taken_[from / 64];
    fresh = fresh && (word & mask) == 0;
    word |= mask;
    from += here;
    bytes -= here;
  }
  return fresh;
}

void PageCells::check_coverage() {
  for (std::uint32_t at = be16(header_at_ + 1); at != 0; at = be16(at)) {
    if (!take(at, be16(at + 2)) && taken_twice_ == 0) taken_twice_ = at;
  }
  if (taken_twice_ != 0) {
    fault(PageFault::kWholePage, fmt::format("byte {} has more than one use", taken_twice_));
    return;
  }
  const std::uint32_t fragments = usable_bytes_ - content_start_ - taken_bytes_;
  if (fragments != u8(header_at_ + 7)) {
    fault(PageFault::kWholePage,
          fmt::format("has {} fragmented bytes, its header says {}", fragments, u8(header_at_ + 7)));
  }
}

}  // namespace litewright
