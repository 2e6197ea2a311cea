// What shows that a database which had to be compared does not continue the archive's line. Without evidence
// a difference is a gap, not a fork (docs/decisions/0004).
#pragma once

#include <optional>
#include <string>

#include "archive/catalogue.h"

namespace litewright {

inline constexpr char kReplacedFile[] = "it is another file than the one archived";

// SQLite's change counter as of the archive's newest commit; nullopt where that can't be read.
std::optional<std::uint32_t> archived_change_counter(const ObjectStore& store, const Catalogue& catalogue);

// The counter never goes back but by wrapping: a first page that counts less is an older one, or another
// database's. Says so in words. `first_page`: at least its first 100 bytes.
std::optional<std::string> counter_went_back(std::optional<std::uint32_t> archived, Bytes first_page);

// What is said when an epoch begins for that reason.
std::string forked_line(const std::string& reason);

}  // namespace litewright
