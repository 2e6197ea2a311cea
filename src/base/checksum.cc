#include "base/checksum.h"

#include <fmt/format.h>

// Inlined, so that the widest instructions the compiler may use are used.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace litewright {

std::uint64_t checksum64(Bytes data) { return XXH3_64bits(data.data(), data.size()); }

std::uint64_t checksum64(Bytes data, std::uint64_t seed) {
  return XXH3_64bits_withSeed(data.data(), data.size(), seed);
}

struct Checksum64Stream::State {
  XXH3_state_t hash;
};

Checksum64Stream::Checksum64Stream() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->hash); }
Checksum64Stream::~Checksum64Stream() = default;
void Checksum64Stream::add(Bytes data) { XXH3_64bits_update(&state_->hash, data.data(), data.size()); }
std::uint64_t Checksum64Stream::value() const { return XXH3_64bits_digest(&state_->hash); }

std::string Checksum128::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

Checksum128 page_checksum(PageNumber page, Bytes content) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(content.data(), content.size(), page.value);
  Checksum128 result{hash.low64, hash.high64};
  if (result.is_zero()) result.low = 1;
  return result;
}

}  // namespace litewright
