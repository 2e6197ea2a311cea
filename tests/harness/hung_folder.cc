// A disk that hangs, for LD_PRELOAD: fsync of what lies below LITEWRIGHT_HUNG_FOLDER does not return as long
// as the file LITEWRIGHT_HUNG_WHILE exists, and then is done for real.
#include <dlfcn.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

namespace {

bool lies_below(int descriptor, const char* folder) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = readlink(link.c_str(), path, sizeof path);
  return length > 0 && std::string(path, static_cast<std::size_t>(length)).starts_with(folder);
}

int when_it_answers(const char* name, int descriptor) {
  const char* folder = std::getenv("LITEWRIGHT_HUNG_FOLDER");
  const char* flag = std::getenv("LITEWRIGHT_HUNG_WHILE");
  if (folder != nullptr && flag != nullptr && lies_below(descriptor, folder)) {
    while (access(flag, F_OK) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, name))(descriptor);
}

}  // namespace

extern "C" int fsync(int descriptor) { return when_it_answers("fsync", descriptor); }
extern "C" int fdatasync(int descriptor) { return when_it_answers("fdatasync", descriptor); }
