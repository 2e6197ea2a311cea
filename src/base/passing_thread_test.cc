#include "base/passing_thread.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "base/turnstile.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;

// Counts what it is given, on a thread that goes when there is nothing left.
struct Counter {
  ~Counter() { thread.join(); }
  void add() {
    const std::lock_guard lock(mutex);
    waiting++;
    thread.begin([this] { run(); });
  }
  void run() {
    std::unique_lock lock(mutex);
    begun++;
    for (; waiting > 0; waiting--) done++;
    changed.notify_all();
    thread.ended();
  }
  void wait_for(int count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return done == count; });
  }
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0, done = 0, begun = 0;
  PassingThread thread;
};

TEST(PassingThread, IsBegunAgainForWhatComesAfterItsEnd) {
  Counter counter;
  for (int i = 1; i <= 1000; i++) {
    counter.add();
    if (i % 10 == 0) counter.wait_for(i);
  }
  EXPECT_GE(counter.begun, 100);
  const std::lock_guard lock(counter.mutex);
  EXPECT_FALSE(counter.thread.runs());
}

TEST(Turnstile, LetsSoManyInAndTheNextWhenOneLeaves) {
  Turnstile turnstile(2);
  Turnstile::Turn first = turnstile.try_enter();
  {
    const Turnstile::Turn second = turnstile.try_enter();
    EXPECT_TRUE(first);
    EXPECT_TRUE(second);
    EXPECT_FALSE(turnstile.try_enter());
    EXPECT_FALSE(turnstile.enter(milliseconds(1)));
  }
  EXPECT_TRUE(turnstile.try_enter());
  first.give_back();
  first.give_back();
  const Turnstile::Turn one = turnstile.try_enter(), two = turnstile.try_enter();
  EXPECT_TRUE(two);
  EXPECT_FALSE(turnstile.try_enter());
}

}  // namespace
}  // namespace litewright
