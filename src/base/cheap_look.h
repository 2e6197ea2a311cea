// A look at something that is shared with other processes, so cheap that thousands can be looked at again and
// again: a word in memory, a lock. It calls nothing of its owner's, and touches nothing of his.
#pragma once

#include <cstdint>

#include "base/lock_holder.h"

namespace litewright {

struct CheapLook {
  const volatile std::uint32_t* word = nullptr;  // null: none is looked at. Lent
  std::uint32_t value = 0;                       // another one stirs
  int descriptor = -1;                           // < 0: no lock is asked for. Lent
  std::uint64_t first_byte = 0, bytes = 0;       // a lock of another process on one of them stirs

  bool word_stirs() const { return word != nullptr && *word != value; }
  bool lock_stirs() const { return descriptor >= 0 && lock_holder(descriptor, first_byte, bytes) != 0; }
  // The lock first: who lets it go has changed the word before.
  bool stirs() const { return lock_stirs() || word_stirs(); }
};

}  // namespace litewright
