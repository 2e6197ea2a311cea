// Pages of any bytes: every cell, its record, the freeblocks; as page 1 and as another.
#include <algorithm>

#include "format/btree_page.h"
#include "format/record.h"
#include "require.h"

using namespace litewright;

namespace {

void read_record(const BTreeCell& cell) {
  auto cursor = RecordCursor::open(cell.local_payload, cell.payload_bytes);
  if (!cursor) return;
  auto value = cursor->next();
  while (value && *value) value = cursor->next();
  require(cursor->column() <= cell.payload_bytes);
}

void read_page(PageNumber number, Bytes page, std::uint32_t usable_bytes) {
  const auto parsed = BTreePage::parse(number, page, usable_bytes);
  if (!parsed) return;
  for (std::uint32_t i = 0; i <= parsed->cell_count(); ++i) {
    const auto cell = parsed->cell(i);
    if (!cell) {
      require(cell.error().offset <= page.size());
      continue;
    }
    require(i < parsed->cell_count());
    require(cell->offset + cell->length <= usable_bytes);
    require(lies_within(cell->local_payload, page.subspan(cell->offset, cell->length)));
    require(cell->local_payload.size() <= cell->payload_bytes);
    const std::uint64_t overflow = cell->payload_bytes - cell->local_payload.size();
    require(overflow <= std::uint64_t{cell->overflow_pages} * (usable_bytes - 4));
    require((overflow == 0) == (cell->overflow_pages == 0));
    if (!is_leaf(parsed->kind()) && is_table(parsed->kind())) continue;
    read_record(*cell);
  }
  const auto free = parsed->free_bytes();
  if (free) require(*free <= usable_bytes && parsed->freeblocks());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes page = fuzz_input(data, std::min<std::size_t>(size, 65536));
  const auto bytes = static_cast<std::uint32_t>(page.size());
  read_page(PageNumber(1), page, bytes);
  read_page(PageNumber(2), page, bytes);
  if (bytes > 8) read_page(PageNumber(2), page, bytes - 8);
  return 0;
}
