// libFuzzer: any bytes as a delta are applied or refused within the page; any two pages give a delta that
// makes the one of the other.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "archive/page_delta.h"

using litewright::Bytes;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input(reinterpret_cast<const std::byte*>(data), size);
  std::vector<std::byte> before(512), after(512), made(512), delta;
  for (std::size_t i = 0; i < before.size(); ++i) before[i] = static_cast<std::byte>(i * 7);
  (void)litewright::apply_page_delta(before, input, made);

  const std::size_t half = std::min<std::size_t>(size / 2, 512);
  std::copy_n(input.begin(), half, before.begin());
  after = before;
  std::copy_n(input.begin() + static_cast<std::ptrdiff_t>(size / 2), half, after.begin());
  if (!litewright::append_page_delta(before, after, 512, delta)) return 0;
  if (!litewright::apply_page_delta(before, delta, made) || made != after) std::abort();
  return 0;
}
