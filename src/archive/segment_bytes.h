// Integers in a segment's bytes: little-endian, and variable-length (LEB128), written to and read from spans
// whose ends are checked. Nothing here allocates by what it reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/checksum.h"
#include "base/types.h"

namespace litewright {

// Appends to a vector that it borrows.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>& out) : out_(out) {}

  void u8(std::uint8_t value) { out_.push_back(static_cast<std::byte>(value)); }
  void u16(std::uint16_t value) { fixed(value, 2); }
  void u32(std::uint32_t value) { fixed(value, 4); }
  void u64(std::uint64_t value) { fixed(value, 8); }
  void checksum(const Checksum128& value) {
    u64(value.low);
    u64(value.high);
  }
  void bytes(Bytes data) { out_.insert(out_.end(), data.begin(), data.end()); }
  // 7 bits a byte, lowest first, the top bit set in all but the last: at most 10 bytes.
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) u8(static_cast<std::uint8_t>(value | 0x80));
    u8(static_cast<std::uint8_t>(value));
  }
  // Small for small differences of either sign; wraps, so every difference of two 64-bit numbers fits.
  void signed_varint(std::uint64_t difference) { varint((difference << 1) ^ (0 - (difference >> 63))); }

 private:
  void fixed(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) u8(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  std::vector<std::byte>& out_;
};

// Reads a span from its beginning. Past the end, or at a malformed number, it gives zeros and ok() turns
// false for good: check once after a structure.
class ByteReader {
 public:
  explicit ByteReader(Bytes data) : at_(data.data()), end_(data.data() + data.size()) {}

  bool ok() const { return ok_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  bool at_end() const { return ok_ && at_ == end_; }

  std::uint8_t u8() { return static_cast<std::uint8_t>(fixed(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(fixed(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(fixed(4)); }
  std::uint64_t u64() { return fixed(8); }
  Checksum128 checksum() {
    const std::uint64_t low = u64();
    return {low, u64()};
  }
  Bytes bytes(std::uint64_t count) {
    if (count > left()) return fail(), Bytes();
    const Bytes taken(at_, static_cast<std::size_t>(count));
    at_ += count;
    return taken;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = std::to_integer<std::uint64_t>(*at_++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    fail();
    return 0;
  }
  std::uint64_t signed_varint() {
    const std::uint64_t coded = varint();
    return (coded >> 1) ^ (0 - (coded & 1));
  }

 private:
  void fail() {
    ok_ = false;
    at_ = end_;
  }
  std::uint64_t fixed(int size) {
    if (left() < static_cast<std::size_t>(size)) return fail(), 0;
    std::uint64_t value = 0;
    for (int i = 0; i < size; ++i) value |= std::to_integer<std::uint64_t>(*at_++) << (8 * i);
    return value;
  }

  const std::byte* at_;
  const std::byte* end_;
  bool ok_ = true;
};

}  // namespace litewright
