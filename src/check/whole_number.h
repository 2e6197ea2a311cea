// Which reals SQLite takes for equal to an integer.
#pragma once

#include <cstdint>
#include <optional>

namespace litewright {

// The integer that `number` is exactly, within 64 bits.
inline std::optional<std::int64_t> whole_number(double number) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!(number >= -kLimit && number < kLimit)) return std::nullopt;
  const auto integer = static_cast<std::int64_t>(number);
  if (static_cast<double>(integer) != number) return std::nullopt;
  return integer;
}

}  // namespace litewright
