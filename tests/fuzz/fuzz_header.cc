// Database headers of any bytes, and what is no database at all.
#include "format/database_header.h"
#include "require.h"

using namespace litewright;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input = fuzz_input(data, size);
  const auto header = parse_database_header(input);
  const auto suspicion = looks_encrypted_or_not_a_database(input);
  if (!header) {
    require(!header.error().what.empty() && header.error().offset <= size);
    return 0;
  }
  require(!suspicion);
  require(valid_page_size(header->page_size) && header->usable_bytes() >= 480);
  require(header->page_count().value_or(1) != 0);
  require(!header->sqlite_version_text().empty());
  (void)header->auto_vacuum();
  return 0;
}
