// All rows of a table, or entries of an index, from one b-tree, on all cores, with their payloads put
// together. Each once, in no order; damaged parts are left out and counted.
#pragma once

#include <cstdint>
#include <functional>

#include "base/types.h"
#include "check/page_source.h"
#include "check/tree_walk.h"

namespace litewright {

struct RowScanOptions {
  bool table = true;     // false: the b-tree of an index or of a WITHOUT ROWID table
  unsigned threads = 0;  // 0: one a core
  bool background = false;
  std::uint64_t most_payload_bytes = std::uint64_t{16} << 20;  // of longer ones the beginning is given
  std::function<bool()> give_up = {};                          // as TreeWalkOptions'
};

struct RowScanFigures {
  std::uint64_t rows = 0;
  std::uint64_t faults = 0;  // not 0: the b-tree is damaged, rows may be missing
  std::string first_fault = {};
};

// Each worker has a visitor of its own, made before and given to `done` after its last row, one at a time.
class RowVisitor {
 public:
  virtual ~RowVisitor() = default;
  virtual void row(const TreeEntry& entry) = 0;  // views end with the call
};

RowScanFigures scan_rows(PageSource& source, PageNumber root, const RowScanOptions& options,
                         const std::function<std::unique_ptr<RowVisitor>()>& make_visitor,
                         const std::function<void(RowVisitor&)>& done);

}  // namespace litewright
