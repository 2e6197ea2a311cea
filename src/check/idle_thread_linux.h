// Work that must not be felt: Linux's idle classes of the processor and of disk access.
#pragma once

namespace litewright {

// From here on the calling thread runs, and reads, only when nobody else wants to. Where the system refuses,
// nothing changes.
void make_this_thread_idle();

}  // namespace litewright
