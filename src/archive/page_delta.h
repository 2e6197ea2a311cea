// One version of a page as its difference from the version before: what an INSERT or UPDATE does to a b-tree
// page is a few bytes of header, a shift of the cell pointer array and a new cell. Byte layout:
// docs/formats/segment.md.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"

namespace litewright {

// Appends the difference that turns `before` into `after` (both of one page size) to `out` and returns its
// length in bytes; appends nothing and returns nullopt where it would exceed `limit` bytes (store the page
// whole then). Equal pages give an empty difference: length 0.
std::optional<std::size_t> append_page_delta(Bytes before, Bytes after, std::size_t limit,
                                             std::vector<std::byte>& out);

// Applies `delta` to `before`, writing the page into `after` (same size; must not overlap). False where the
// delta is malformed: `after` is then unspecified. Never reads or writes out of bounds, whatever the bytes.
[[nodiscard]] bool apply_page_delta(Bytes before, Bytes delta, MutableBytes after);

}  // namespace litewright
