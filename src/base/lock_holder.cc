#include "base/lock_holder.h"

#include <fcntl.h>

namespace litewright {

int lock_holder(int descriptor, std::uint64_t first_byte, std::uint64_t bytes) {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(first_byte);
  lock.l_len = static_cast<off_t>(bytes);
  if (::fcntl(descriptor, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
  return lock.l_pid > 0 ? lock.l_pid : -1;
}

}  // namespace litewright
