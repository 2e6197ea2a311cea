#include "base/self_end_timer_linux.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace litewright {
namespace {

using std::chrono::milliseconds;

// How a child that runs `body` ended: its exit status, or the negative signal; 0 where it did not within a
// while.
int end_of(const std::function<void(SelfEndTimer&)>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    SelfEndTimer timer;
    body(timer);
    ::_exit(7);
  }
  for (int i = 0; i < 1000; i++) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child)
      return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    ::usleep(10'000);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return 0;
}

TEST(SelfEndTimer, EndsAProcessThatIsStopped) {
  EXPECT_EQ(end_of([](SelfEndTimer& timer) {
              timer.arm(milliseconds(100));
              ::raise(SIGSTOP);
            }),
            -SIGKILL);
}

TEST(SelfEndTimer, EndsAProcessThatHangs) {
  EXPECT_EQ(end_of([](SelfEndTimer& timer) {
              timer.arm(milliseconds(100));
              ::pause();
            }),
            -SIGKILL);
}

TEST(SelfEndTimer, LeavesOneThatGotOnInTimeInPeace) {
  EXPECT_EQ(end_of([](SelfEndTimer& timer) {
              timer.arm(milliseconds(100));
              timer.disarm();
              ::usleep(300'000);
            }),
            7);
}

TEST(SelfEndTimer, BeginsAnewWhenItIsArmedAgain) {
  EXPECT_EQ(end_of([](SelfEndTimer& timer) {
              for (int i = 0; i < 10; i++) {
                timer.arm(milliseconds(2000));
                ::usleep(300'000);
              }
            }),
            7);
}

}  // namespace
}  // namespace litewright
