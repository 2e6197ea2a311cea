#include "check/freelist.h"

#include <fmt/format.h>

#include <vector>

#include "base/bytes.h"

namespace litewright {
namespace {

constexpr std::uint32_t kTrunkHeadBytes = 8;

}  // namespace

FreelistFigures check_freelist(PageSource& source, PageNumber first, std::uint32_t expected,
                               PageClaims& claims, PointerMap* map,
                               const std::function<void(PageNumber, std::string)>& fault) {
  FreelistFigures figures;
  bool sound = true;
  const auto wrong = [&](PageNumber trunk, std::string what) {
    sound = false;
    fault(trunk, std::move(what));
  };
  const auto take = [&](PageNumber trunk, PageNumber page) {
    figures.pages++;
    if (map != nullptr) {
      if (auto differs = map->fault(page, PointerKind::kFree, PageNumber(0))) wrong(trunk, *differs);
    }
    const PageClaims::Claim claim = claims.claim(page);
    if (claim == PageClaims::Claim::kTwice) {
      wrong(trunk, fmt::format("names page {} as free a second time", page.value));
    }
    if (claim == PageClaims::Claim::kOutside) {
      wrong(trunk, fmt::format("names page {} as free, which is outside the database", page.value));
    }
    return claim == PageClaims::Claim::kTaken;
  };
  std::vector<std::byte> bytes(source.page_size());
  PageNumber before(0);
  // Ends: each trunk is taken once.
  for (PageNumber trunk = first; trunk.value != 0;) {
    if (!take(before, trunk)) break;
    source.read(trunk, bytes);
    const std::uint32_t leaves = load_be32(bytes, 4);
    if (leaves > source.usable_bytes() / 4 - 2) {
      wrong(trunk, fmt::format("claims {} free pages, more than the {} that fit", leaves,
                               source.usable_bytes() / 4 - 2));
    } else {
      for (std::uint32_t i = 0; i < leaves; i++) {
        take(trunk, PageNumber(load_be32(bytes, kTrunkHeadBytes + 4 * i)));
      }
    }
    before = trunk;
    trunk = PageNumber(load_be32(bytes, 0));
  }
  if (sound && figures.pages != expected) {
    wrong(PageNumber(0), fmt::format("has {} pages, the header says {}", figures.pages, expected));
  }
  return figures;
}

}  // namespace litewright
