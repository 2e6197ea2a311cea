// One run at a time writes a target file: another's batches would come between a batch and what becomes of
// it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>

#include "base/clock.h"
#include "base/file_descriptor.h"
#include "maintain/write_turn.h"

namespace litewright {

struct TargetWish {
  std::filesystem::path file = {};
  mode_t mode = 0600;  // of a new file, whatever the umask
  WritePatience patience = {};
  std::function<bool()> stop = {};  // asked while waiting; may be empty
};

// The file, which is made where it does not exist, under an flock: SQLite's own locks are another kind. Of a
// database: to be opened before its connection and closed after it, for closing it drops the connection's
// locks (FACTS 7). Throws Error{kLocked} with who, after patience.longest_wait; Error{kCantCreate} without
// its folder; by error_from_errno.
FileDescriptor take_target(const TargetWish& wish, const Clock& clock);

}  // namespace litewright
