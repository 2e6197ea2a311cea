#include "sqlite/file_handle.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>

#include "sqlite/connection.h"

namespace litewright {

void read_file(sqlite3_file* file, const char* which, std::uint64_t offset, MutableBytes out) {
  constexpr std::size_t kLargestRead = 1 << 30;  // xRead takes an int
  for (std::size_t done = 0; done < out.size();) {
    const std::size_t step = std::min(out.size() - done, kLargestRead);
    const int rc = file->pMethods->xRead(file, out.data() + done, static_cast<int>(step),
                                         static_cast<sqlite3_int64>(offset + done));
    if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ) {
      throw sqlite_error(rc, fmt::format("read {} bytes at {} of the {}: {}", step, offset + done, which,
                                         sqlite3_errstr(rc)));
    }
    done += step;
  }
}

std::uint64_t file_bytes(sqlite3_file* file, const char* which) {
  sqlite3_int64 size = 0;
  const int rc = file->pMethods->xFileSize(file, &size);
  if (rc != SQLITE_OK) throw sqlite_error(rc, fmt::format("size of the {}: {}", which, sqlite3_errstr(rc)));
  return static_cast<std::uint64_t>(size);
}

bool reads_at_offset() {
  sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
  if (vfs == nullptr || vfs->iVersion < 3 || vfs->xGetSystemCall == nullptr) return false;
  // The VFS knows the names always, and the functions only where it was built to use them.
  return vfs->xGetSystemCall(vfs, "pread") != nullptr || vfs->xGetSystemCall(vfs, "pread64") != nullptr;
}

bool main_file_has_moved(sqlite3* connection) {
  int moved = 0;
  const int rc = sqlite3_file_control(connection, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return rc == SQLITE_OK && moved != 0;
}

}  // namespace litewright
