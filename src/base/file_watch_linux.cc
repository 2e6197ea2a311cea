#include "base/file_watch_linux.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace litewright {

FileWatch::FileWatch(std::string path)
    : path_(std::move(path)), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  rearm();
}

void FileWatch::rearm() {
  if (!inotify_ || armed_) return;
  armed_ = ::inotify_add_watch(inotify_.get(), path_.c_str(), IN_MODIFY | IN_ONESHOT) >= 0;
}

bool FileWatch::drain() {
  if (!inotify_) return false;
  bool any = false;
  alignas(inotify_event) char buffer[4096];
  ssize_t length = 0;
  while ((length = ::read(inotify_.get(), buffer, sizeof buffer)) > 0) {
    any = true;
    for (ssize_t at = 0; at + static_cast<ssize_t>(sizeof(inotify_event)) <= length;) {
      inotify_event event{};
      std::memcpy(&event, buffer + at, sizeof event);
      if ((event.mask & IN_IGNORED) != 0) armed_ = false;
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  rearm();
  return any;
}

}  // namespace litewright
