// Rollback journals of any bytes: headers, records with and without a right checksum, the super-journal.
#include "base/bytes.h"
#include "format/journal.h"
#include "require.h"

using namespace litewright;

namespace {

// As a rollback goes through a journal; but past records with a wrong checksum.
void read_journal(Bytes journal) {
  std::uint64_t at = 0;
  while (at < journal.size()) {
    const auto header = parse_journal_header(journal.subspan(at));
    if (!header) return;
    const std::uint32_t page_size = header->page_size == 0 ? 1024 : header->page_size;
    const std::uint64_t count = journal_record_count(*header, page_size, at, journal.size());
    at += header->sector_size;
    for (std::uint64_t i = 0; i < count; ++i, at += journal_record_bytes(page_size)) {
      const Bytes rest = journal.subspan(at);
      require(rest.size() >= journal_record_bytes(page_size));
      const auto record = parse_journal_record(rest, page_size, header->nonce);
      if (!record) {
        require(record.error().kind != Malformed::Kind::kTruncated);
        continue;
      }
      require(record->page.value != 0 && record->content.size() == page_size &&
              lies_within(record->content, rest));
    }
    at = (at + header->sector_size - 1) / header->sector_size * header->sector_size;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes journal = fuzz_input(data, size);
  read_journal(journal);
  require(journal_heat(journal) != JournalHeat::kMaybeHot || parse_journal_header(journal));
  const auto name = super_journal_name(journal);
  if (name) require(!name->empty() && name->size() + 16 <= size);
  return 0;
}
