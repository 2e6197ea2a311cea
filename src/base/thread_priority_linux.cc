#include "base/thread_priority.h"

#include <sys/resource.h>
#include <unistd.h>

namespace litewright {

// On Linux a nice value belongs to a thread, against what POSIX says (setpriority(2), "C library/kernel
// differences").
void lower_thread_priority() {
  constexpr int kNice = 5;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
}

}  // namespace litewright
