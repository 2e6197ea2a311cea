// Why bytes were not what a parser of this folder expects: the error side of every std::expected here.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace litewright {

struct Malformed {
  enum class Kind : std::uint8_t {
    kInvalid,         // the bytes contradict the format
    kTruncated,       // fewer bytes than the structure needs
    kUnsupported,     // well formed, but a version nobody here knows
    kTorn,            // WAL index: a writer is, or died, in the middle of storing it: look again (FACTS 8)
    kNotInitialised,  // WAL index: nobody has built it yet
  };

  std::string what;          // lower case, with the values: "page size is 1000, not a power of two …"
  std::uint64_t offset = 0;  // bytes from the start of what was parsed
  Kind kind = Kind::kInvalid;
};

inline std::unexpected<Malformed> malformed(std::uint64_t offset, std::string what,
                                            Malformed::Kind kind = Malformed::Kind::kInvalid) {
  return std::unexpected(Malformed{std::move(what), offset, kind});
}

}  // namespace litewright
