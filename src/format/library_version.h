// Versions of the SQLite library, as text in a library's bytes and as a number in a database's header.
#pragma once

#include <cstdint>
#include <string_view>

namespace litewright {

// "3.40.1" -> 3040001, what a fourth number says left out; 0 where it is no version.
std::uint32_t library_version_number(std::string_view text);

// The WAL-reset defect (FACTS 13): 3.7.0 to 3.51.2, mended in 3.50.7 and 3.44.6 of the older branches. False
// for what is no version.
bool has_wal_reset_defect(std::string_view version);

}  // namespace litewright
