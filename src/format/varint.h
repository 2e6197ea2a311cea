// SQLite's variable-length integer: 1 to 9 bytes, big-endian, 7 bits in each of the first eight, whose top
// bit says that another follows; all 8 bits of the ninth. Specification: sqlite.org/fileformat2.html
// section 1.6.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/types.h"

namespace litewright {

inline constexpr std::size_t kMaxVarintBytes = 9;

struct Varint {
  std::uint64_t value = 0;
  std::size_t length = 0;  // bytes; 0: the data ends within the number

  explicit operator bool() const { return length != 0; }
};

// From the start of `data`. Any longer form of a number than its shortest is taken, as SQLite takes it.
inline Varint read_varint(Bytes data) {
  Varint result;
  for (std::size_t i = 0; i < kMaxVarintBytes && i < data.size(); ++i) {
    const std::uint64_t byte = load_u8(data, i);
    if (i + 1 == kMaxVarintBytes) return {result.value << 8 | byte, kMaxVarintBytes};
    result.value = result.value << 7 | (byte & 0x7f);
    if (byte < 0x80) return {result.value, i + 1};
  }
  return {};
}

// From `offset`; beyond the end of `data` reads as truncated.
inline Varint read_varint(Bytes data, std::size_t offset) {
  return offset < data.size() ? read_varint(data.subspan(offset)) : Varint{};
}

}  // namespace litewright
