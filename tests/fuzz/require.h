// What a fuzz target demands of a parser's answer: a breach ends the run, with the input kept.
#pragma once

#include "base/types.h"

namespace litewright {

inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

inline bool lies_within(Bytes part, Bytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

inline Bytes fuzz_input(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

}  // namespace litewright
