// Wakes a thread that sleeps in poll(2). Linux (eventfd).
#pragma once

#include "base/file_descriptor.h"

namespace litewright {

class WakeEvent {
 public:
  WakeEvent();
  void signal();  // from any thread; stays until drain()
  void drain();
  int fd() const { return event_.get(); }  // readable once signalled

 private:
  FileDescriptor event_;
};

}  // namespace litewright
