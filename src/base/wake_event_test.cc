#include "base/wake_event.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <thread>

namespace litewright {
namespace {

bool readable(const WakeEvent& event, int timeout_ms = 0) {
  pollfd waiting{event.fd(), POLLIN, 0};
  return ::poll(&waiting, 1, timeout_ms) == 1;
}

TEST(WakeEvent, IsReadableFromASignalUntilItIsDrained) {
  WakeEvent event;
  EXPECT_FALSE(readable(event));
  event.signal();
  EXPECT_TRUE(readable(event));
  EXPECT_TRUE(readable(event));
  event.drain();
  EXPECT_FALSE(readable(event));
}

TEST(WakeEvent, ManySignalsAreOneWakeAndNoneBlocks) {
  WakeEvent event;
  for (int i = 0; i < 100'000; i++) event.signal();
  event.drain();
  EXPECT_FALSE(readable(event));
  event.drain();  // nothing there: does not block
  event.signal();
  EXPECT_TRUE(readable(event));
}

TEST(WakeEvent, WakesAThreadThatSleeps) {
  WakeEvent event;
  std::thread other([&event] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    event.signal();
  });
  EXPECT_TRUE(readable(event, 30'000));
  other.join();
}

}  // namespace
}  // namespace litewright
