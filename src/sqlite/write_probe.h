// Whether a database can be written, found out without writing: the write lock is taken and given back.
#pragma once

#include <chrono>
#include <string>

namespace litewright {

struct WriteProbe {
  std::string journal_mode = {};
};

// Waits for the lock for at most `patience`. Throws Error{kPermission|kLocked|kNoDatabase|kDamaged|kIo} as
// SQLite says. A WAL that is there stays as it is: it is not checkpointed when the connection closes. Not for
// a database with a hot journal: opening it for writing rolls it back.
WriteProbe probe_writing(const std::string& path, std::chrono::milliseconds patience);

}  // namespace litewright
