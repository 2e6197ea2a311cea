#include "check/idle_thread_linux.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace litewright {
namespace {

// linux/ioprio.h: class 3 is "idle", in the three bits from 13 on; 1 means "this thread".
constexpr int kWhoProcess = 1;
constexpr int kIdleClass = 3 << 13;

}  // namespace

void make_this_thread_idle() {
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_IDLE, &none);
  ::syscall(SYS_ioprio_set, kWhoProcess, 0, kIdleClass);
}

}  // namespace litewright
