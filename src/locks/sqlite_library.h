// Which SQLite a process carries, found in the bytes of the files that it has mapped: a shared library, a
// language's own copy, a statically linked program. Two strings tell: the source id ("2022-12-28 14:03:47
// df5c253c…") and, near it, the version ("3.40.1").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"

namespace litewright {

struct SqliteLibrary {
  std::string file = {};       // as its process names it
  std::string version = {};    // "3.40.1"
  std::string source_id = {};  // check-in time and hash

  bool operator==(const SqliteLibrary&) const = default;
};

// Searches a file that is fed in pieces, from its beginning; holds no more than the last bytes between them.
class SqliteSearch {
 public:
  void feed(Bytes piece);
  // What was found, without the file's name; empty where it is no SQLite.
  std::optional<SqliteLibrary> result() const;

 private:
  void look_at(std::string_view text, std::size_t fresh_from);

  struct Version {
    std::uint64_t offset = 0;
    std::string text;
  };
  std::string tail_;
  std::uint64_t tail_offset_ = 0;
  bool has_magic_ = false;
  std::uint64_t source_id_offset_ = 0;
  std::string source_id_;
  std::vector<Version> versions_;
};

}  // namespace litewright
