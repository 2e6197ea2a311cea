// How a process that stays keeps its heap small. Linux (glibc).
#pragma once

namespace litewright {

// From here on: few arenas, and large buffers go back to the system when they are freed. To be called before
// there are threads.
void keep_heap_small();

// What is free goes back to the system, whole pages of it.
void give_back_heap();

}  // namespace litewright
