// For LD_PRELOAD: a process that dies at a chosen change of a folder, and a file system without hard links.
//
//   LITEWRIGHT_DIE_AT    N: SIGKILL instead of the Nth rename, link or unlink, counted from 1
//   LITEWRIGHT_NO_LINKS  1: every link fails with EPERM, as on vfat
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

namespace {

void step() {
  static std::atomic<int> steps{0};
  static const char* const die_at = std::getenv("LITEWRIGHT_DIE_AT");
  if (die_at != nullptr && ++steps == std::atoi(die_at)) ::kill(::getpid(), SIGKILL);
}

// As the kernel does it: a file that is missing is told first.
bool no_links(int folder, const char* from) {
  static const bool set = std::getenv("LITEWRIGHT_NO_LINKS") != nullptr;
  if (!set || ::faccessat(folder, from, F_OK, AT_SYMLINK_NOFOLLOW) != 0) return false;
  errno = EPERM;
  return true;
}

template <class... Words>
int real(const char* name, Words... words) {
  return reinterpret_cast<int (*)(Words...)>(dlsym(RTLD_NEXT, name))(words...);
}

}  // namespace

extern "C" {

int rename(const char* from, const char* to) {
  step();
  return real("rename", from, to);
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  step();
  return real("renameat", from_folder, from, to_folder, to);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  step();
  return real("renameat2", from_folder, from, to_folder, to, flags);
}

int link(const char* from, const char* to) {
  step();
  return no_links(AT_FDCWD, from) ? -1 : real("link", from, to);
}

int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) {
  step();
  return no_links(from_folder, from) ? -1 : real("linkat", from_folder, from, to_folder, to, flags);
}

int unlink(const char* name) {
  step();
  return real("unlink", name);
}

int unlinkat(int folder, const char* name, int flags) {
  step();
  return real("unlinkat", folder, name, flags);
}

}  // extern "C"
