// SIGHUP as the wish to read the configuration anew.
#pragma once

#include <csignal>

#include "base/file_descriptor.h"

namespace litewright {

// Catches SIGHUP for its lifetime and gives the old handler back; to be made after a StopSignal, which would
// take it for a wish to stop. Where SIGHUP was ignored before it stays so (nohup). One at a time in a
// process.
class ReloadSignal {
 public:
  ReloadSignal();
  ~ReloadSignal();
  ReloadSignal(ReloadSignal&&) = delete;
  ReloadSignal& operator=(ReloadSignal&&) = delete;

  // It came since the last call.
  bool take();
  // For poll(2): readable from a signal until take().
  int fd() const { return event_.get(); }

 private:
  struct sigaction before_ = {};
  FileDescriptor event_;
};

}  // namespace litewright
