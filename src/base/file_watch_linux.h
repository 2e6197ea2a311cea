// Tells when a file is written, without opening it (FACTS 7: an inotify watch is no descriptor of the file).
// It tells once until drain(): a watch costs each write of the application 0.7 us, so that none is left on a
// file that is written all the time. Linux.
#pragma once

#include <string>

#include "base/file_descriptor.h"

namespace litewright {

// The file may appear later: its folder's watch is not kept, rearm() looks again. Where no watch can be had
// (limits, file systems without inotify) fd() never becomes readable: whoever waits must have a bound.
class FileWatch {
 public:
  explicit FileWatch(std::string path);
  int fd() const { return inotify_.get(); }
  // Forgets what came so far, and says whether anything came; puts the watch on the file again where it was
  // missing or replaced.
  bool drain();

 private:
  void rearm();

  std::string path_;
  FileDescriptor inotify_;
  bool armed_ = false;
};

}  // namespace litewright
