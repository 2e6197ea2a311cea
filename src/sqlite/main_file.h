// A database's main file as the page comparison reads it.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace litewright {

class MainFile {
 public:
  virtual ~MainFile() = default;
  // Fills `out`; bytes past the end of the file are zeros.
  virtual void read_main(std::uint64_t offset, MutableBytes out) const = 0;
  virtual std::uint64_t main_bytes() const = 0;
};

}  // namespace litewright
