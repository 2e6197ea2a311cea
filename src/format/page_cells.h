// All cells of a b-tree page at once, judged as PRAGMA integrity_check judges a page (SQLite 3.40.1): every
// byte of the content area belongs to one cell, one freeblock or is counted as a fragment. For checks and
// scans that go through whole databases: no allocation a cell, and a broken cell leaves the others readable.
// The page's layout: btree_page.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"
#include "format/btree_page.h"

namespace litewright {

struct PageCell {
  std::int64_t rowid = 0;           // tables
  std::uint32_t payload_bytes = 0;  // the whole payload, as claimed
  std::uint32_t local_at = 0;       // offset in the page of its beginning
  std::uint32_t local_bytes = 0;    // of which so many stand on the page
  std::uint32_t index = 0;          // among the page's cells
  PageNumber left_child;            // interior pages
  PageNumber first_overflow_page;   // 0: none
};

struct PageFault {
  static constexpr std::int32_t kWholePage = -1;
  std::int32_t cell = kWholePage;
  std::string what;  // lower case, with the values
};

// One worker's view of one page after another; keeps its memory. Not thread-safe.
class PageCells {
 public:
  // False where the page can't be read as a b-tree page at all: then kind() and cells() mean nothing. Faults
  // are those of this page only; a cell with a fault is not among cells(). `page` is borrowed.
  bool read(PageNumber number, Bytes page, std::uint32_t usable_bytes);

  BTreePageKind kind() const { return kind_; }
  std::uint32_t cell_count() const { return cell_count_; }  // as the header says; cells() may be fewer
  PageNumber right_child() const { return right_child_; }
  const std::vector<PageCell>& cells() const { return cells_; }
  const std::vector<PageFault>& faults() const { return faults_; }

 private:
  bool read_header(PageNumber number);
  bool check_free_space();
  void read_cells();
  bool read_cell(std::uint32_t index, std::uint32_t offset);
  void check_coverage();
  bool take(std::uint32_t from, std::uint32_t bytes);
  void fault(std::int32_t cell, std::string what);
  std::uint8_t u8(std::uint32_t at) const;
  std::uint32_t be16(std::uint32_t at) const;
  std::uint32_t be32(std::uint32_t at) const;

  Bytes page_;
  std::uint32_t usable_bytes_ = 0;
  std::uint32_t header_at_ = 0;
  BTreePageKind kind_ = BTreePageKind::kLeafTable;
  bool leaf_ = false, table_ = false;
  std::uint32_t most_local_ = 0, least_local_ = 0;
  std::uint32_t cell_count_ = 0, content_start_ = 0;
  PageNumber right_child_;
  std::vector<PageCell> cells_;
  std::vector<PageFault> faults_;
  std::vector<std::uint64_t> taken_;  // a bit for each byte of the page
  std::uint32_t taken_bytes_ = 0;
  std::uint32_t taken_twice_ = 0;  // a byte that has two uses; 0: none
};

}  // namespace litewright
