#include "base/passing_thread.h"

#include <system_error>
#include <utility>

#include "base/error.h"

namespace litewright {

void PassingThread::begin(std::function<void()> body) {
  if (runs_) return;
  join();  // past its last act
  try {
    thread_ = std::thread(std::move(body));
  } catch (const std::system_error& error) {
    throw error_from_errno(error.code().value(), "begin a thread");
  }
  runs_ = true;
}

void PassingThread::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace litewright
