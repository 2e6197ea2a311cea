#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <tuple>

#include "base/error.h"
#include "base/wake_event.h"

namespace litewright {

WakeEvent::WakeEvent() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw error_from_errno(errno, "make an eventfd");
}

// Both can only fail with EAGAIN: it is signalled already, or there is nothing to drain.
void WakeEvent::signal() {
  const std::uint64_t one = 1;
  std::ignore = ::write(event_.get(), &one, sizeof one);
}

void WakeEvent::drain() {
  std::uint64_t count = 0;
  std::ignore = ::read(event_.get(), &count, sizeof count);
}

}  // namespace litewright
