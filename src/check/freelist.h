// The freelist: trunk pages, each with the numbers of free pages, held against the header's count, the other
// owners and the pointer map. sqlite.org/fileformat2.html section 1.5.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "check/page_source.h"
#include "check/pointer_map.h"
#include "check/tree_walk.h"

namespace litewright {

struct FreelistFigures {
  std::uint64_t pages = 0;  // seen: trunks and what they name
};

// Takes each free page. `map` may be null. `fault` gets the trunk page it is about (0: the header) and what
// is wrong.
FreelistFigures check_freelist(PageSource& source, PageNumber first, std::uint32_t expected,
                               PageClaims& claims, PointerMap* map,
                               const std::function<void(PageNumber, std::string)>& fault);

}  // namespace litewright
