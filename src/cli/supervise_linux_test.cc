#include "cli/supervise_linux.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/error.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;
using Child = std::function<int(GateClock&, int)>;

std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

struct Watched {
  int status = 0;
  std::string notices;
};

// The child never comes back into the test.
Watched watch(const Child& child, milliseconds longest_gate = milliseconds(300)) {
  Watched result;
  SuperviseOptions options;
  options.longest_gate = longest_gate;
  options.notice = [&result](const char* text) { result.notices += std::string(text) + "\n"; };
  result.status = supervise(
      options, [&child](GateClock& gate, int generation) -> int { ::_exit(child(gate, generation)); });
  return result;
}

TEST(Supervise, GivesTheChildsExitStatus) {
  const Watched watched = watch([](GateClock&, int generation) { return generation == 0 ? 7 : 0; });
  EXPECT_EQ(watched.status, 7);
  EXPECT_EQ(watched.notices, "");
}

TEST(Supervise, AChildStoppedInTheGateIsEndedAndAnotherStarted) {
  const auto began = std::chrono::steady_clock::now();
  const Watched watched = watch([](GateClock& gate, int generation) {
    if (generation == 0) {
      gate.enter(now_ns());
      ::raise(SIGSTOP);
    }
    return generation == 1 && gate.entered_ns == 0 ? 21 : 1;
  });
  EXPECT_EQ(watched.status, 21);
  EXPECT_NE(watched.notices.find("kept writers out"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST(Supervise, AChildThatIsSlowOutsideTheGateIsLeftInPeace) {
  const Watched watched = watch([](GateClock& gate, int) {
    gate.enter(now_ns());
    gate.leave();
    ::usleep(700'000);
    return 5;
  });
  EXPECT_EQ(watched.status, 5);
  EXPECT_EQ(watched.notices, "");
}

TEST(Supervise, AKilledChildIsStartedAgain) {
  const Watched watched = watch([](GateClock&, int generation) {
    if (generation < 2) ::raise(SIGKILL);
    return generation;
  });
  EXPECT_EQ(watched.status, 2);
  EXPECT_NE(watched.notices.find("was killed or crashed"), std::string::npos);
}

TEST(Supervise, AChildThatDiesAgainAndAgainEndsIt) {
  EXPECT_THROW(watch([](GateClock&, int) {
                 ::raise(SIGKILL);
                 return 0;
               }),
               Error);
}

// In the child: until its watchdog has a handler for SIGTERM, 5 s at most. Before, the signal would end the
// test.
void wait_for_the_watchdog() {
  for (int i = 0; i < 500; i++) {
    std::ifstream status("/proc/" + std::to_string(::getppid()) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("SigCgt:")) continue;
      if ((std::stoull(line.substr(7), nullptr, 16) >> (SIGTERM - 1) & 1) != 0) return;
    }
    ::usleep(10'000);
  }
}

// A child that ignores SIGTERM and does as `body` says until it ends.
Watched told_twice(const std::function<int(GateClock&)>& body) {
  ::signal(SIGINT, SIG_DFL);  // a shell that starts us in the background has it ignored
  return watch([&body](GateClock& gate, int) {
    ::signal(SIGTERM, SIG_IGN);
    wait_for_the_watchdog();
    ::kill(::getppid(), SIGTERM);
    ::usleep(200'000);
    if (gate.hurry) return 1;
    ::kill(::getppid(), SIGINT);
    return body(gate);
  });
}

TEST(Supervise, ASecondSignalTellsTheChildToHurry) {
  const Watched watched = told_twice([](GateClock& gate) {
    gate.has_database_open = true;
    for (int i = 0; i < 500 && !gate.hurry; i++) ::usleep(10'000);
    ::usleep(1'500'000);  // closing takes its time: it is left in peace
    return gate.hurry ? 34 : 1;
  });
  EXPECT_EQ(watched.status, 34);
}

TEST(Supervise, ASecondSignalEndsAChildThatIsHeldUpWithoutTheDatabase) {
  const auto began = std::chrono::steady_clock::now();
  const Watched watched = told_twice([](GateClock&) {
    ::pause();
    return 0;
  });
  EXPECT_EQ(watched.status, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

TEST(Supervise, AStopSignalIsPassedOnAndItsAnswerIsTheStatus) {
  const Watched watched = watch([](GateClock&, int) {
    static volatile sig_atomic_t asked = 0;
    ::signal(SIGTERM, [](int) { asked = 1; });
    wait_for_the_watchdog();
    ::kill(::getppid(), SIGTERM);
    for (int i = 0; i < 500 && asked == 0; i++) ::usleep(10'000);
    return asked == 1 ? 33 : 1;
  });
  EXPECT_EQ(watched.status, 33);
}

}  // namespace
}  // namespace litewright
