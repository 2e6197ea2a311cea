// A thread that works in the background gives way to the application and to the capture.
#pragma once

namespace litewright {

// Lowers the calling thread's priority (as nice 5 does for a process). Never fails: where it can't, nothing
// changes.
void lower_thread_priority();

}  // namespace litewright
