// Work that everything else goes before: a thread's place behind all others, for the processor and the disk,
// and how much of the processor it had. Linux.
#pragma once

#include <chrono>

namespace litewright {

// Of the calling thread, till it ends. Where the system refuses it stays as it was.
void go_behind_all_others();

// Processor time of the calling thread.
std::chrono::nanoseconds thread_cpu_time();

}  // namespace litewright
