// A b-tree page: header, cell pointers, free space, cells. Big-endian. Specification:
// sqlite.org/fileformat2.html sections 1.6 and 2.3; the lock page (FACTS 15) is none.
//
//   header (on page 1 behind the 100 bytes of the database header)
//    0  2 interior index, 5 interior table, 10 leaf index, 13 leaf table
//    1  first freeblock, 0: none                  u16
//    3  cells                                     u16
//    5  start of the cell content area, 0: 65536  u16
//    7  fragmented free bytes
//    8  right-most child                          u32, interior pages only
//   then a u16 offset for each cell, in the order of keys
//
//   cell              left child u32   payload bytes   rowid    payload, overflow page u32
//   leaf table                         varint          varint   yes
//   interior table    yes                              varint
//   leaf index                         varint                   yes
//   interior index    yes              varint                   yes
//
//   freeblock: next freeblock u16 (0: last), bytes u16 (at least 4, these included)
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "base/types.h"
#include "format/malformed.h"

namespace litewright {

enum class BTreePageKind : std::uint8_t {
  kInteriorIndex = 2,
  kInteriorTable = 5,
  kLeafIndex = 10,
  kLeafTable = 13
};

constexpr bool is_leaf(BTreePageKind kind) {
  return kind == BTreePageKind::kLeafIndex || kind == BTreePageKind::kLeafTable;
}
constexpr bool is_table(BTreePageKind kind) {
  return kind == BTreePageKind::kInteriorTable || kind == BTreePageKind::kLeafTable;
}

// SQLite's own limit of a row (SQLITE_MAX_LENGTH may not be set higher).
inline constexpr std::uint64_t kMaxPayloadBytes = 0x7fffffff;

struct BTreePageHeader {
  BTreePageKind kind = BTreePageKind::kLeafTable;
  std::uint32_t first_freeblock = 0;
  std::uint32_t cell_count = 0;
  std::uint32_t content_start = 0;  // 65536 decoded
  std::uint32_t fragmented_bytes = 0;
  PageNumber right_child;  // 0 on leaves
};

struct BTreeCell {
  std::uint32_t offset = 0;         // in the page
  std::uint32_t length = 0;         // bytes of the page it takes; at least 4
  PageNumber left_child;            // interior pages; else 0
  std::int64_t rowid = 0;           // tables
  std::uint64_t payload_bytes = 0;  // the whole payload; 0 on interior table pages
  Bytes local_payload;             // its beginning, borrowed from the page; all of it where nothing overflows
  PageNumber first_overflow_page;  // 0: none
  std::uint32_t overflow_pages = 0;
};

struct Freeblock {
  std::uint32_t offset = 0;
  std::uint32_t bytes = 0;
};

// How much of a payload stays on the page.
std::uint32_t local_payload_bytes(BTreePageKind kind, std::uint64_t payload_bytes,
                                  std::uint32_t usable_bytes);

// Pages a payload's overflow takes: each holds usable_bytes - 4 bytes behind the number of the next.
std::uint32_t overflow_page_count(std::uint64_t payload_bytes, std::uint64_t local_bytes,
                                  std::uint32_t usable_bytes);

// A view of one page; borrows its bytes. parse() holds the header and the cell pointer array against the
// page's bounds; cells and freeblocks are checked when asked for, so that a page with one broken cell still
// gives the others. Offsets in errors count from the page's start.
class BTreePage {
 public:
  // `page` is the whole page; `usable_bytes` (480 to page.size()) is its size without the reserved bytes.
  static std::expected<BTreePage, Malformed> parse(PageNumber number, Bytes page, std::uint32_t usable_bytes);

  const BTreePageHeader& header() const { return header_; }
  BTreePageKind kind() const { return header_.kind; }
  std::uint32_t cell_count() const { return header_.cell_count; }

  // `index` from 0 to cell_count() - 1; beyond it is an error, too.
  std::expected<BTreeCell, Malformed> cell(std::uint32_t index) const;

  // In ascending order of offset, never overlapping.
  std::expected<std::vector<Freeblock>, Malformed> freeblocks() const;

  // All bytes that no cell uses: the gap, the freeblocks, the fragments.
  std::expected<std::uint32_t, Malformed> free_bytes() const;

 private:
  BTreePage(Bytes page, std::uint32_t usable_bytes, std::uint32_t header_at)
      : page_(page), usable_bytes_(usable_bytes), header_at_(header_at) {}

  std::uint32_t pointers_at() const { return header_at_ + (is_leaf(header_.kind) ? 8 : 12); }
  std::uint32_t pointers_end() const { return pointers_at() + 2 * header_.cell_count; }

  Bytes page_;
  std::uint32_t usable_bytes_;
  std::uint32_t header_at_;
  BTreePageHeader header_;
};

}  // namespace litewright
