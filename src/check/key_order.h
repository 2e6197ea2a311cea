// How values of keys compare, and a hash that is equal for equal ones: numbers by value whatever they are
// stored as, text by its collation. sqlite.org/datatype3.html sections 4 and 7.
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

// A key's hash, built value by value: 64 bits, equal for keys whose values compare equal.
class KeyHash {
 public:
  explicit KeyHash(KeyEncoding encoding) : encoding_(encoding) {}
  void clear() { state_ = 0; }
  std::uint64_t value() const;

  // `real`: of a column with REAL affinity, whose whole numbers are stored as integers.
  void add(const StoredValue& value, KeyCollation collation, bool real);
  void add_integer(std::int64_t value);

 private:
  void add_real(double value);

  KeyEncoding encoding_;
  std::uint64_t state_ = 0;
  std::vector<std::byte> folded_;
};

// As SQLite orders two values of an index: NULL, numbers, text, BLOBs.
std::strong_ordering compare_values(const StoredValue& left, const StoredValue& right, KeyCollation collation,
                                    KeyEncoding encoding);

}  // namespace litewright
