#include "operate/service_command.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/test_folder.h"

namespace litewright {
namespace {

using namespace std::chrono_literals;
using TooLong = ServiceCommand::TooLong;

constexpr int kFailed = static_cast<int>(ErrorCode::kIo);

ServiceCommand told(const std::string& shell, bool to_end, TooLong then = TooLong::kEnd) {
  return {.shell = shell,
          .told_to_end = [to_end] { return to_end; },
          .then = then,
          .patience = 100ms,
          .kill_after = 100ms};
}

TEST(ServiceCommand, IsWaitedForAsLongAsNobodyIsToldToEnd) {
  EXPECT_EQ(run_service_command(told("sleep 0.4", false)).status, 0);
  const auto failed = run_service_command(told("exit 3", false));
  EXPECT_EQ(failed.status, kFailed);
  EXPECT_EQ(failed.error, "exit 3 ended with 3");
}

TEST(ServiceCommand, WhatEndsInTimeIsDoneThoughItIsToldToEnd) {
  EXPECT_EQ(run_service_command(told("sleep 0.02", true)).status, 0);
}

// With all that it began, and where it is deaf.
TEST(ServiceCommand, WhatStopsTheApplicationIsEndedAfterSomeTime) {
  const TestFolder folder;
  const std::string pids = folder.path("pids");
  for (const std::string deaf : {"", "trap '' TERM; "}) {
    const auto began = std::chrono::steady_clock::now();
    const auto ended = run_service_command(
        told(fmt::format("{}(sleep 600; true) & echo $! >> {}; sleep 600; true", deaf, pids), true));
    EXPECT_EQ(ended.status, kFailed);
    EXPECT_NE(ended.error.find("was ended"), std::string::npos) << ended.error;
    EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
  }
  for (int tries = 0; tries < 500; tries++) {
    const std::string text = read_whole_file(pids, 100);
    const pid_t first = std::stoi(text), second = std::stoi(text.substr(text.find('\n') + 1));
    const auto gone = [](pid_t pid) {
      if (::kill(pid, 0) != 0) return true;
      return read_whole_file(fmt::format("/proc/{}/stat", pid), 4096).find(") Z ") != std::string::npos;
    };
    if (gone(first) && gone(second)) return;
    ::usleep(10'000);
  }
  FAIL() << "something of it lives on";
}

TEST(ServiceCommand, WhatStartsTheApplicationIsLeftToItself) {
  const TestFolder folder;
  const std::string mark = folder.path("mark");
  const auto left = run_service_command(told("sleep 0.4; echo started > " + mark, true, TooLong::kLeave));
  EXPECT_EQ(left.status, kFailed);
  EXPECT_NE(left.error.find("goes on by itself"), std::string::npos) << left.error;
  for (int tries = 0; tries < 500 && ::access(mark.c_str(), F_OK) != 0; tries++) ::usleep(10'000);
  EXPECT_EQ(::access(mark.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace litewright
