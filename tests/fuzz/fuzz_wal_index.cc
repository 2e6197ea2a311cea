// WAL index heads of any bytes; once as they are, once with both copies equal and the checksum right.
#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "format/wal.h"
#include "format/wal_index.h"
#include "require.h"

using namespace litewright;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input = fuzz_input(data, size);
  const auto as_is = read_wal_index(input);
  require((size < kWalIndexHeadBytes) == (!as_is && as_is.error().kind == Malformed::Kind::kTruncated));

  alignas(8) WalIndexHead shared{};
  std::ranges::copy(input.first(std::min(size, shared.size())), shared.begin());
  WalChecksum checksum(WalChecksum::ByteOrder::kNative);
  checksum.add(Bytes(shared).first(40));
  store_native(MutableBytes(shared), 40, checksum.first());
  store_native(MutableBytes(shared), 44, checksum.second());
  std::memcpy(shared.data() + kWalIndexHeaderBytes, shared.data(), kWalIndexHeaderBytes);
  const auto index = read_shared_wal_index(shared.data());
  if (index) {
    require(index->header.is_init && index->header.version == kWalVersion);
    require(index->header.page_size == 0 || valid_page_size(index->header.page_size));
  } else {
    require(index.error().kind != Malformed::Kind::kTorn &&
            index.error().kind != Malformed::Kind::kTruncated);
  }
  return 0;
}
