// How values of keys compare, and a form in which equal ones are equal bytes: numbers by value whatever they
// are stored as, text by its collation. sqlite.org/datatype3.html sections 4 and 7.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "check/record_fields.h"

namespace litewright {

// kUnknown: brought by the application; compared as bytes, its order is not known.
enum class KeyCollation : std::uint8_t { kBinary, kNoCase, kTrimRight, kUnknown };
KeyCollation key_collation(std::string_view name);

enum class KeyEncoding : std::uint8_t { kUtf8, kUtf16Little, kUtf16Big };
KeyEncoding key_encoding(std::string_view pragma_encoding);

// A key's bytes, built value by value. Keeps its memory.
class KeyBuffer {
 public:
  explicit KeyBuffer(KeyEncoding encoding) : encoding_(encoding) {}
  void clear() { size_ = 0; }
  Bytes bytes() const { return Bytes(memory_.data(), size_); }

  // `real`: of a column with REAL affinity, whose whole numbers are stored as integers.
  void add(const StoredValue& value, KeyCollation collation, bool real);
  void add_integer(std::int64_t value);

 private:
  std::byte* grow(std::size_t bytes);
  void add_real(double value);
  void add_text(Bytes text, KeyCollation collation);

  KeyEncoding encoding_;
  std::vector<std::byte> memory_ = std::vector<std::byte>(256);
  std::size_t size_ = 0;
  std::vector<std::byte> folded_;
};

// As SQLite orders two values of an index: NULL, numbers, text, BLOBs.
std::strong_ordering compare_values(const StoredValue& left, const StoredValue& right, KeyCollation collation,
                                    KeyEncoding encoding);

}  // namespace litewright
