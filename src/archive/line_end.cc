#include "archive/line_end.h"

#include "archive/resume.h"

namespace litewright {

LineEnd::LineEnd(const ObjectStore& store, const Catalogue& catalogue, std::uint32_t page_size,
                 std::uint64_t fence, Ledger& ledger)
    : newest_(catalogue.newest()) {
  header_.page_size = page_size;
  header_.fence = fence;
  const std::vector<const SegmentEntry*> line = catalogue.line();
  if (line.empty()) return;
  const SegmentEntry& end = *line.back();
  header_.epoch = end.header.epoch;
  other_page_size_ = end.header.page_size != page_size;
  if (other_page_size_) return;
  rebuild_ledger(store, catalogue, ledger);
  header_.base = last();
  position_ = end.position;
}

SegmentHeader LineEnd::header(Txid last) const {
  SegmentHeader header = header_;
  header.last = last;
  return header;
}

void LineEnd::sealed(Txid last) {
  header_.base = last;
  header_.parent_epoch = 0;
}

void LineEnd::fork() {
  if (header_.parent_epoch != 0) return;
  header_.parent_epoch = header_.epoch++;
}

}  // namespace litewright
