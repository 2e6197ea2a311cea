// What shows that a database which had to be compared does not continue the archive's line. Without evidence
// a difference is a gap, not a fork (docs/decisions/0004).
#pragma once

#include <optional>
#include <string>

#include "archive/catalogue.h"

namespace litewright {

// SQLite's change counter never goes back (but by wrapping): a first page that counts less than the archived
// one is an older one, or another database's. Says so in words. `first_page`: at least the database's first
// 100 bytes; nullopt too where the archived page can't be read.
std::optional<std::string> counter_went_back(const ObjectStore& store, const Catalogue& catalogue,
                                             Bytes first_page);

}  // namespace litewright
