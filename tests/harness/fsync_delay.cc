// A slow disk, for LD_PRELOAD: fsync and fdatasync take at least LITEWRIGHT_FSYNC_DELAY_MS milliseconds
// (default 4) and then are done for real.
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

std::chrono::milliseconds delay() {
  static const int milliseconds = [] {
    const char* text = std::getenv("LITEWRIGHT_FSYNC_DELAY_MS");
    return text == nullptr ? 4 : std::clamp(std::atoi(text), 0, 10000);
  }();
  return std::chrono::milliseconds(milliseconds);
}

int slowly(const char* name, int descriptor) {
  const auto until = Clock::now() + delay();
  const auto real = reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, name));
  const int result = real(descriptor);
  std::this_thread::sleep_until(until);
  return result;
}

}  // namespace

extern "C" int fsync(int descriptor) { return slowly("fsync", descriptor); }
extern "C" int fdatasync(int descriptor) { return slowly("fdatasync", descriptor); }
