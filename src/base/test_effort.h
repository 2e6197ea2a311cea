// How much a test does: CI's short form, or with LITEWRIGHT_LONG=1 the long one (`make soak`).
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace litewright {

struct Rounds {
  std::uint32_t brief;
  std::uint32_t full;
};

inline bool long_form() {
  const char* wanted = std::getenv("LITEWRIGHT_LONG");
  return wanted != nullptr && std::string_view(wanted) == "1";
}

inline std::uint32_t rounds(Rounds rounds) { return long_form() ? rounds.full : rounds.brief; }

}  // namespace litewright
