// Numbers in bytes: loads and stores in a fixed or in the machine's byte order, at any alignment.
//
// Bounds are the caller's: each function touches exactly sizeof(number) bytes from `offset` on, so parsers
// check a structure's length once and then read its fields.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/types.h"

namespace litewright {

static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big);

// In the machine's own byte order (the WAL index).
template <std::unsigned_integral T>
T load_native(Bytes data, std::size_t offset) {
  T value;
  std::memcpy(&value, data.data() + offset, sizeof value);
  return value;
}

template <std::unsigned_integral T>
T load_big_endian(Bytes data, std::size_t offset) {
  const T value = load_native<T>(data, offset);
  return std::endian::native == std::endian::big ? value : std::byteswap(value);
}

template <std::unsigned_integral T>
T load_little_endian(Bytes data, std::size_t offset) {
  const T value = load_native<T>(data, offset);
  return std::endian::native == std::endian::little ? value : std::byteswap(value);
}

inline std::uint8_t load_u8(Bytes data, std::size_t offset) {
  return std::to_integer<std::uint8_t>(data[offset]);
}
inline std::uint16_t load_be16(Bytes data, std::size_t offset) {
  return load_big_endian<std::uint16_t>(data, offset);
}
inline std::uint32_t load_be32(Bytes data, std::size_t offset) {
  return load_big_endian<std::uint32_t>(data, offset);
}
inline std::uint64_t load_be64(Bytes data, std::size_t offset) {
  return load_big_endian<std::uint64_t>(data, offset);
}

template <std::unsigned_integral T>
void store_native(MutableBytes data, std::size_t offset, T value) {
  std::memcpy(data.data() + offset, &value, sizeof value);
}

template <std::unsigned_integral T>
void store_big_endian(MutableBytes data, std::size_t offset, T value) {
  store_native(data, offset, std::endian::native == std::endian::big ? value : std::byteswap(value));
}

inline void store_be16(MutableBytes data, std::size_t offset, std::uint16_t value) {
  store_big_endian(data, offset, value);
}
inline void store_be32(MutableBytes data, std::size_t offset, std::uint32_t value) {
  store_big_endian(data, offset, value);
}
inline void store_be64(MutableBytes data, std::size_t offset, std::uint64_t value) {
  store_big_endian(data, offset, value);
}

// Views without copying; they live as long as what they view.
inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string_view text_of(Bytes data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

}  // namespace litewright
