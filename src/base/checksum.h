// Checksums: XXH3-64 for objects and frames, XXH3-128 for pages, and their rolling sum for a whole database.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "base/types.h"

namespace litewright {

// XXH3-64 of `data`.
std::uint64_t checksum64(Bytes data);
// The same with a seed: for tables of hashes that a hostile file must not be able to fill with collisions.
std::uint64_t checksum64(Bytes data, std::uint64_t seed);

// The same, of data that comes in pieces.
class Checksum64Stream {
 public:
  Checksum64Stream();
  ~Checksum64Stream();
  void add(Bytes data);
  std::uint64_t value() const;  // of everything added so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A 128-bit value with wrapping addition. As a page's checksum: XXH3-128 of the page's bytes, seeded with its
// number. As a database's: the wrapping sum of its pages' checksums, the lock page left out, so that it
// follows each commit in time proportional to the pages that changed.
struct Checksum128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  auto operator<=>(const Checksum128&) const = default;
  bool is_zero() const { return low == 0 && high == 0; }

  Checksum128& operator+=(const Checksum128& other) {
    const std::uint64_t sum = low + other.low;
    high += other.high + (sum < low ? 1 : 0);
    low = sum;
    return *this;
  }
  Checksum128& operator-=(const Checksum128& other) {
    const std::uint64_t borrow = low < other.low ? 1 : 0;
    low -= other.low;
    high -= other.high + borrow;
    return *this;
  }
  std::string hex() const;  // 32 lower-case digits, high half first
};

// Never zero (a zero is reserved for "this page has no content yet").
Checksum128 page_checksum(PageNumber page, Bytes content);

}  // namespace litewright
