// A thread that is there only while there is work: begun by whoever has some, it ends when its body has
// nothing left to do. A thousand owners of such work cost nothing while they are idle, and one whose body
// hangs holds up nobody else.
#pragma once

#include <functional>
#include <thread>

namespace litewright {

// begin(), ended() and runs() are called under one mutex of the owner's, which the body does not hold when it
// returns. The body's last act under that mutex is ended(): from then on begin() starts another thread.
class PassingThread {
 public:
  PassingThread() = default;
  ~PassingThread() { join(); }
  PassingThread(const PassingThread&) = delete;
  PassingThread& operator=(const PassingThread&) = delete;

  // Nothing where it runs. Throws Error{kIo} where the machine has no thread left.
  void begin(std::function<void()> body);
  void ended() { runs_ = false; }
  bool runs() const { return runs_; }
  // Not under the mutex, and not beside begin().
  void join();

 private:
  bool runs_ = false;
  std::thread thread_;
};

}  // namespace litewright
