// The litewright.toml that `init` writes: what was found of a database filled in, everything else as
// comments.
#pragma once

#include <cstdint>
#include <string>

namespace litewright {

struct FoundDatabase {
  std::string path = {};  // absolute
  std::string journal_mode = {};
  std::uint64_t bytes = 0;
  std::uint64_t disk_bytes = 0;    // size of its disk; 0: not known
  std::string largest_table = {};  // empty: there is none
  std::uint64_t largest_rows = 0;
};

// Valid TOML that parse_configuration() takes, as it stands and with any of its comments taken away.
std::string first_configuration(const FoundDatabase& found);

}  // namespace litewright
