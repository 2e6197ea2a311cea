#include "base/process_memory_linux.h"

#include <malloc.h>

namespace litewright {

void keep_heap_small() {
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_MMAP_THRESHOLD, 256 << 10);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

void give_back_heap() { ::malloc_trim(0); }

}  // namespace litewright
