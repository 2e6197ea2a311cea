#include "archive/checkpoint_witness.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "base/process_table_linux.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;

// Another process, with as many threads more as `threads` says, each of them at `work`.
class Process {
 public:
  Process(int threads, const std::function<void()>& work) {
    pid_ = ::fork();
    if (pid_ == 0) {
      // Where the tests run in the background: a thread that waits for a processor does not sleep.
      const sched_param normal{};
      ::sched_setscheduler(0, SCHED_OTHER, &normal);
      for (int i = 0; i < threads; i++) {
        std::thread([&work] {
          while (true) work();
        }).detach();
      }
      while (true) work();
    }
    for (int i = 0; i < 3000 && !has_threads(threads + 1); i++) std::this_thread::sleep_for(milliseconds(10));
    std::this_thread::sleep_for(milliseconds(100));  // until each is at it
  }
  ~Process() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Process(Process&&) = delete;
  Process& operator=(Process&&) = delete;
  int pid() const { return pid_; }

 private:
  bool has_threads(int count) const {
    const auto look = look_at_threads(pid_);
    return look && static_cast<int>(look->count) == count;
  }

  pid_t pid_ = -1;
};

void retry_as_a_busy_handler() { ::usleep(10'000); }
void wait_for_ever() { ::pause(); }
void compute() {
  static std::atomic<std::uint64_t> steps = 0;
  steps++;
}

WalLockHolders both_held_by(int pid) { return {.writer = pid, .checkpointer = pid}; }

// Whether it is sure within `looks` looks that are 5 ms apart.
bool sure(const WalLockHolders& holders, int looks) {
  CheckpointWitness witness;
  for (int look = 0; look < looks; look++) {
    if (witness.surely_fresh(holders, 7, SystemClock().steady())) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

TEST(CheckpointWitness, OneThreadWithBothLocksIsAFullCheckpoint) {
  const Process process(0, compute);
  EXPECT_TRUE(sure(both_held_by(process.pid()), 1));
}

TEST(CheckpointWitness, ManyThreadsThatOnlySleepAndWakeWaitForUs) {
  const Process process(3, retry_as_a_busy_handler);
  EXPECT_TRUE(sure(both_held_by(process.pid()), 4000));
}

TEST(CheckpointWitness, AThreadThatComputesMayBeAPassiveCheckpoint) {
  const Process process(1, compute);
  EXPECT_FALSE(sure(both_held_by(process.pid()), 40));
}

// A frozen process, or one whose threads all wait for something else, proves nothing.
TEST(CheckpointWitness, ThreadsThatNeverWakeProveNothing) {
  const Process process(2, wait_for_ever);
  EXPECT_FALSE(sure(both_held_by(process.pid()), 40));
}

TEST(CheckpointWitness, AProcessThatIsStoppedProvesNothing) {
  const Process process(2, retry_as_a_busy_handler);
  ::kill(process.pid(), SIGSTOP);
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_FALSE(sure(both_held_by(process.pid()), 40));
}

TEST(CheckpointWitness, TwoProcessesOrOneThatCannotBeSeenProveNothing) {
  const Process process(0, compute);
  const Process other(0, compute);
  EXPECT_FALSE(sure({.writer = process.pid(), .checkpointer = other.pid()}, 20));
  EXPECT_FALSE(sure({.writer = 0, .checkpointer = process.pid()}, 20));
  EXPECT_FALSE(sure(both_held_by(-1), 20));  // of another pid namespace
  EXPECT_FALSE(sure({}, 1));
}

TEST(CheckpointWitness, ACommitInBetweenBeginsAnew) {
  const Process process(3, retry_as_a_busy_handler);
  CheckpointWitness witness;
  for (std::uint32_t change = 0; change < 40; change++) {
    EXPECT_FALSE(witness.surely_fresh(both_held_by(process.pid()), change, SystemClock().steady()));
    std::this_thread::sleep_for(milliseconds(5));
  }
}

}  // namespace
}  // namespace litewright
