// Records of any bytes, whole and with a part of them on overflow pages not at hand.
#include <variant>

#include "base/bytes.h"
#include "format/record.h"
#include "require.h"

using namespace litewright;

namespace {

std::uint64_t read_all(Bytes available, std::uint64_t payload_bytes) {
  auto cursor = RecordCursor::open(available, payload_bytes);
  if (!cursor) return 0;
  for (;;) {
    const auto value = cursor->next();
    if (!value || !*value) break;
    if (const auto* text = std::get_if<TextValue>(&**value)) require(lies_within(text->bytes, available));
    if (const auto* blob = std::get_if<BlobValue>(&**value)) require(lies_within(blob->bytes, available));
  }
  require(!cursor->next() || !*cursor->next());
  require(cursor->column() <= payload_bytes);
  return cursor->column();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input = fuzz_input(data, size);
  const std::uint64_t columns = read_all(input, size);
  // What is at hand is a prefix of the same record: it gives the same columns or fewer.
  require(read_all(input.first(size / 2), size) <= columns);
  read_all(input, size + 100);
  read_all(input, ~std::uint64_t{0});
  return 0;
}
