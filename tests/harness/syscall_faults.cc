// A disk that fails, for LD_PRELOAD: the Nth call of one kind on files under one folder fails with a chosen
// error, once or from then on.
//
//   LITEWRIGHT_FAULT_CALLS  kinds, comma-separated: open write sync rename unlink read (open: folders too;
//   write:
//                           truncation and reservation as well; sync: fsync, fdatasync; rename: link as well)
//   LITEWRIGHT_FAULT_UNDER  a folder's absolute path; files elsewhere are left alone
//   LITEWRIGHT_FAULT_AT     which of them fails, counted from 1 in the whole process family
//   LITEWRIGHT_FAULT_ERRNO  a number, what errno is then
//   LITEWRIGHT_FAULT_EVER   1: that call and all after it; else only that one. With EINTR every second one:
//   SQLite
//                           tries an interrupted call again without end, and nothing interrupts for ever
//   LITEWRIGHT_FAULT_COUNT  a file that holds the number of such calls so far, as 8 bytes (optional)
//   LITEWRIGHT_FAULT_NOTE   a file; gets a line "kind path" when a call fails for the first time: without it
//   nothing was
//                           hit. "Once" counts across processes: where the file is there already nothing
//                           fails.
//
// With LITEWRIGHT_FAULT_NO_SYNC=1 it instead makes every sync call on those files succeed without being done:
// the control of the power cuts.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Shared by the whole family: a supervisor, its archiver, and who reads the file.
std::atomic<long>* shared_counter(const std::string& path) {
  int file = -1;
  if (!path.empty()) {
    file =
        static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (file < 0 || ::syscall(SYS_ftruncate, file, sizeof(long)) != 0) std::abort();
  }
  void* memory = ::mmap(nullptr, sizeof(long), PROT_READ | PROT_WRITE,
                        file < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) std::abort();
  if (file >= 0) ::close(file);
  return static_cast<std::atomic<long>*>(memory);
}

struct Faults {
  std::string calls = std::string(",").append(setting("LITEWRIGHT_FAULT_CALLS")).append(",");
  std::string under = setting("LITEWRIGHT_FAULT_UNDER") + "/";
  long at = std::atol(setting("LITEWRIGHT_FAULT_AT").c_str());
  int error = std::atoi(setting("LITEWRIGHT_FAULT_ERRNO").c_str());
  bool ever = setting("LITEWRIGHT_FAULT_EVER") == "1";
  bool no_sync = setting("LITEWRIGHT_FAULT_NO_SYNC") == "1";
  std::string note = setting("LITEWRIGHT_FAULT_NOTE");
  std::atomic<long>* count = shared_counter(setting("LITEWRIGHT_FAULT_COUNT"));
};

Faults& faults() {
  static Faults all;
  return all;
}

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

std::string path_of(int descriptor) {
  char link[64], target[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t size = ::readlink(link, target, sizeof target);
  return size > 0 ? std::string(target, static_cast<std::size_t>(size)) : "";
}

std::string path_at(int folder, const char* name) {
  if (name[0] == '/') return name;
  if (folder != AT_FDCWD) return path_of(folder) + "/" + name;
  char here[PATH_MAX];
  return std::string(::getcwd(here, sizeof here) == nullptr ? "" : here) + "/" + name;
}

bool meant(const std::string& path) {
  const std::string& under = faults().under;
  return under.size() > 1 && (path.starts_with(under) || path + "/" == under);
}

// True once for the whole family; false where somebody noted before.
bool note_first(const char* kind, const std::string& path) {
  const int file = static_cast<int>(
      ::syscall(SYS_openat, AT_FDCWD, faults().note.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (file < 0) return false;
  const std::string line = std::string(kind) + " " + path + "\n";
  ::syscall(SYS_write, file, line.data(), line.size());
  ::close(file);
  return true;
}

// Whether this call is to fail; errno is set then.
bool fails(const char* kind, const std::string& path) {
  Faults& all = faults();
  if (all.at <= 0 || !meant(path)) return false;
  std::string word = ",";
  word.append(kind).append(",");
  if (all.calls.find(word) == std::string::npos) return false;
  const long number = ++*all.count;
  if (number < all.at || (number > all.at && !all.ever)) return false;
  if (all.error == EINTR && (number - all.at) % 2 != 0) return false;
  const int before = errno;
  const bool first = note_first(kind, path);
  errno = before;
  if (!first && !all.ever) return false;
  errno = all.error;
  return true;
}

bool fails_at(const char* kind, int folder, const char* name) {
  if (faults().at <= 0) return false;
  return fails(kind, path_at(folder, name));
}

bool fails_on(const char* kind, int descriptor) {
  if (faults().at <= 0) return false;
  return fails(kind, path_of(descriptor));
}

bool left_undone(int descriptor) { return faults().no_sync && meant(path_of(descriptor)); }

bool takes_mode(int flags) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

mode_t mode_argument(int flags, va_list arguments) {
  return takes_mode(flags) ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

// Before the first fork.
__attribute__((constructor)) void begin() { faults(); }

}  // namespace

#define OPEN_LIKE(name)                                                    \
  int name(const char* path, int flags, ...) {                             \
    va_list arguments;                                                     \
    va_start(arguments, flags);                                            \
    const mode_t mode = mode_argument(flags, arguments);                   \
    va_end(arguments);                                                     \
    if (fails_at("open", AT_FDCWD, path)) return -1;                       \
    return real<int (*)(const char*, int, ...)>(#name)(path, flags, mode); \
  }
#define OPENAT_LIKE(name)                                                               \
  int name(int folder, const char* path, int flags, ...) {                              \
    va_list arguments;                                                                  \
    va_start(arguments, flags);                                                         \
    const mode_t mode = mode_argument(flags, arguments);                                \
    va_end(arguments);                                                                  \
    if (fails_at("open", folder, path)) return -1;                                      \
    return real<int (*)(int, const char*, int, ...)>(#name)(folder, path, flags, mode); \
  }
#define ON_DESCRIPTOR(result, name, kind, parameters, arguments) \
  result name parameters {                                       \
    if (fails_on(kind, descriptor)) return -1;                   \
    return real<result(*) parameters>(#name) arguments;          \
  }
#define SYNC_LIKE(name)                           \
  int name(int descriptor) {                      \
    if (left_undone(descriptor)) return 0;        \
    if (fails_on("sync", descriptor)) return -1;  \
    return real<int (*)(int)>(#name)(descriptor); \
  }

extern "C" {

OPEN_LIKE(open)
OPEN_LIKE(open64)
OPENAT_LIKE(openat)
OPENAT_LIKE(openat64)

DIR* opendir(const char* path) {
  if (fails_at("open", AT_FDCWD, path)) return nullptr;
  return real<DIR* (*)(const char*)>("opendir")(path);
}

ON_DESCRIPTOR(ssize_t, write, "write", (int descriptor, const void* data, size_t size),
              (descriptor, data, size))
ON_DESCRIPTOR(ssize_t, pwrite, "write", (int descriptor, const void* data, size_t size, off_t at),
              (descriptor, data, size, at))
ON_DESCRIPTOR(ssize_t, pwrite64, "write", (int descriptor, const void* data, size_t size, off64_t at),
              (descriptor, data, size, at))
ON_DESCRIPTOR(int, ftruncate, "write", (int descriptor, off_t size), (descriptor, size))
ON_DESCRIPTOR(int, ftruncate64, "write", (int descriptor, off64_t size), (descriptor, size))
ON_DESCRIPTOR(int, fallocate, "write", (int descriptor, int mode, off_t at, off_t size),
              (descriptor, mode, at, size))
ON_DESCRIPTOR(int, fallocate64, "write", (int descriptor, int mode, off64_t at, off64_t size),
              (descriptor, mode, at, size))
ON_DESCRIPTOR(ssize_t, read, "read", (int descriptor, void* data, size_t size), (descriptor, data, size))
ON_DESCRIPTOR(ssize_t, pread, "read", (int descriptor, void* data, size_t size, off_t at),
              (descriptor, data, size, at))
ON_DESCRIPTOR(ssize_t, pread64, "read", (int descriptor, void* data, size_t size, off64_t at),
              (descriptor, data, size, at))

SYNC_LIKE(fsync)
SYNC_LIKE(fdatasync)

int sync_file_range(int descriptor, off64_t at, off64_t size, unsigned flags) {
  if (left_undone(descriptor)) return 0;
  return real<int (*)(int, off64_t, off64_t, unsigned)>("sync_file_range")(descriptor, at, size, flags);
}

int rename(const char* from, const char* to) {
  if (fails_at("rename", AT_FDCWD, to)) return -1;
  return real<int (*)(const char*, const char*)>("rename")(from, to);
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  if (fails_at("rename", to_folder, to)) return -1;
  return real<int (*)(int, const char*, int, const char*)>("renameat")(from_folder, from, to_folder, to);
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  if (fails_at("rename", to_folder, to)) return -1;
  return real<int (*)(int, const char*, int, const char*, unsigned)>("renameat2")(from_folder, from,
                                                                                  to_folder, to, flags);
}
int link(const char* from, const char* to) {
  if (fails_at("rename", AT_FDCWD, to)) return -1;
  return real<int (*)(const char*, const char*)>("link")(from, to);
}
int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) {
  if (fails_at("rename", to_folder, to)) return -1;
  return real<int (*)(int, const char*, int, const char*, int)>("linkat")(from_folder, from, to_folder, to,
                                                                          flags);
}
int unlink(const char* path) {
  if (fails_at("unlink", AT_FDCWD, path)) return -1;
  return real<int (*)(const char*)>("unlink")(path);
}
int unlinkat(int folder, const char* path, int flags) {
  if (fails_at("unlink", folder, path)) return -1;
  return real<int (*)(int, const char*, int)>("unlinkat")(folder, path, flags);
}
}
