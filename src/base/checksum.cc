#include "base/checksum.h"

#include <fmt/format.h>

// Inlined, so that the widest instructions the compiler may use are used.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace litewright {

std::uint64_t checksum64(Bytes data) { return XXH3_64bits(data.data(), data.size()); }

std::string Checksum128::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

Checksum128 page_checksum(PageNumber page, Bytes content) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(content.data(), content.size(), page.value);
  Checksum128 result{hash.low64, hash.high64};
  if (result.is_zero()) result.low = 1;
  return result;
}

}  // namespace litewright
