// What several differences of one page do together, told without the page they build on: where each byte
// comes from. Two differences become one, so that the version between them can go (docs/formats/segment.md,
// Delta).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/types.h"

namespace litewright {

class PagePatch {
 public:
  explicit PagePatch(std::size_t page_size);

  // Back to "as it was".
  void clear();
  // Lays a difference over what is there; false where it is malformed: the patch is then unspecified.
  [[nodiscard]] bool lay(Bytes delta);
  // One difference that does the same; nullopt where it would exceed a page.
  std::optional<std::vector<std::byte>> delta() const;

 private:
  static constexpr std::uint32_t kLiteral = 0xffffffffu;

  std::vector<std::uint32_t> from_;  // offset in the page before, or kLiteral
  std::vector<std::byte> literals_;  // where from_ says so
  std::vector<std::uint32_t> old_from_;
  std::vector<std::byte> old_literals_;
};

}  // namespace litewright
