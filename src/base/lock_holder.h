// Who holds a lock on bytes of a file (fcntl's record locks). Asked for only: nothing is locked.
#pragma once

#include <cstdint>

namespace litewright {

// The process, not this one, in whose way an exclusive lock on these bytes would be; 0: none, or the question
// failed; -1: one that has no number in our pid namespace (FACTS 6). Never blocks; some microseconds.
int lock_holder(int descriptor, std::uint64_t first_byte, std::uint64_t bytes);

}  // namespace litewright
