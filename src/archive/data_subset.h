// Which objects a verification reads whole, when not all of them: in restic's words "5%", "1/7", "100MB".
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "archive/catalogue.h"

namespace litewright {

class DataSubset {
 public:
  DataSubset() = default;  // everything
  // "N/T": the Nth of T fixed parts. "P%" and "SIZE" (bytes, with K, M, G, T, also KB, KiB and so on: powers
  // of 1024, as restic has them): as much, going on where the last time ended. Throws Error{kUsage}.
  static DataSubset parse(const std::string& text);

  bool everything() const { return kind_ == Kind::kEverything; }
  const std::string& text() const { return text_; }

  struct Choice {
    std::set<std::string> objects;
    std::uint64_t bytes = 0;
    std::uint64_t next = 0;  // the rotation to begin with the next time
  };
  // Objects come in the order of their names' checksums, from `rotation` on and around; at least one. The
  // same catalogue and rotation give the same choice.
  Choice choose(const Catalogue& catalogue, std::uint64_t rotation) const;

 private:
  enum class Kind { kEverything, kPart, kPercent, kBytes };
  Kind kind_ = Kind::kEverything;
  std::string text_;
  std::uint64_t part_ = 0, parts_ = 0;
  double percent_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace litewright
