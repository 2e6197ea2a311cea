#include "serve/own_command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/file_descriptor.h"
#include "base/test_folder.h"
#include "base/thrown_error_test.h"

namespace litewright {
namespace {

using namespace std::chrono_literals;

OwnCommand shell(const std::string& script) {
  return {.words = {"-c", script}, .time_limit = 60s, .program = "/bin/sh"};
}

TEST(OwnCommand, GivesStatusOutputAndTheLastWords) {
  const auto result = run_own_command(shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.error, "err\n");
  EXPECT_FALSE(result.over_time || result.stopped || result.over_output);
}

TEST(OwnCommand, ASignalIsItsStatus) {
  EXPECT_EQ(run_own_command(shell("kill -9 $$")).status, 128 + SIGKILL);
}

TEST(OwnCommand, KeepsTheEndOfALongError) {
  const auto result = run_own_command(shell("seq 100000 >&2"));
  EXPECT_EQ(result.error.size(), 4096u);
  EXPECT_TRUE(result.error.ends_with("\n100000\n"));
}

TEST(OwnCommand, ReadsNothingFromTheDaemonsInput) { EXPECT_EQ(run_own_command(shell("cat")).output, ""); }

TEST(OwnCommand, OneThatTakesTooLongIsAskedAndThenKilledWithItsGroup) {
  OwnCommand asked = shell("trap 'echo leaving; exit 7' INT; while :; do sleep 0.01; done");
  asked.time_limit = 100ms;
  const auto left = run_own_command(asked);
  EXPECT_TRUE(left.over_time);
  EXPECT_EQ(left.status, 7);
  EXPECT_EQ(left.output, "leaving\n");

  OwnCommand deaf = shell("trap '' INT; sleep 600 & echo $!; wait; sleep 600");
  deaf.time_limit = 100ms;
  deaf.end_within = 50ms;
  const auto killed = run_own_command(deaf);
  EXPECT_EQ(killed.status, 128 + SIGKILL);
  const pid_t grandchild = std::stoi(killed.output);
  while (::kill(grandchild, 0) == 0) {
    const std::string stat = read_whole_file("/proc/" + std::to_string(grandchild) + "/stat", 4096);
    if (stat.find(") Z ") != std::string::npos) break;  // killed, and nobody reaped it yet
    std::this_thread::sleep_for(10ms);
  }
}

TEST(OwnCommand, StopEndsIt) {
  OwnCommand command = shell("trap 'exit 0' INT; while :; do sleep 0.01; done");
  int asked = 0;
  command.stop = [&asked] { return ++asked == 3; };
  const auto result = run_own_command(command);
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.status, 0);
}

TEST(OwnCommand, OneThatPrintsTooMuchIsEnded) {
  OwnCommand command = shell("while :; do echo 0123456789; done");
  command.most_output = 1000;
  command.end_within = 100ms;
  const auto result = run_own_command(command);
  EXPECT_TRUE(result.over_output);
  EXPECT_EQ(result.output.size(), 1000u);
}

TEST(OwnCommand, LinesAreToldAsTheyCome) {
  OwnCommand command = shell("echo one; printf tw; sleep 0.1; echo o; while :; do sleep 0.01; done");
  std::vector<std::string> lines;
  command.line = [&lines](std::string_view line) { lines.emplace_back(line); };
  command.stop = [&lines] { return lines.size() == 2; };
  const auto result = run_own_command(command);
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(result.output, "");
  command.stop = {};
  command.line = [](std::string_view) { throw std::runtime_error("no more"); };
  EXPECT_THROW(run_own_command(command), std::runtime_error);
}

TEST(OwnCommand, DoesNotWaitForWhatItLeftBehind) {
  const auto result = run_own_command(shell("sleep 600 & echo $!"));
  EXPECT_EQ(result.status, 0);
  ::kill(std::stoi(result.output), SIGKILL);
}

TEST(OwnCommand, InheritsNoDescriptor) {
  const TestFolder folder;
  const FileDescriptor leaked(::dup(open_file(folder.path("x"), O_CREAT | O_RDWR).get()));  // no O_CLOEXEC
  const auto result = run_own_command(shell("ls /proc/self/fd | wc -l"));
  EXPECT_EQ(std::stoi(result.output), 4);  // 0, 1, 2 and that of ls itself
}

TEST(OwnCommand, HasTheDaemonsEnvironmentButNotItsSocket) {
  ::setenv("LITEWRIGHT_STATE", "/tmp/state", 1);
  ::setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1);
  const auto result = run_own_command(shell("echo $LITEWRIGHT_STATE $NOTIFY_SOCKET"));
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("LITEWRIGHT_STATE");
  EXPECT_EQ(result.output, "/tmp/state\n");
}

TEST(OwnCommand, AProgramThatIsNotThereIsAnError) {
  OwnCommand command = shell("");
  command.program = "/no/such/program";
  EXPECT_EQ(code_of([&] { run_own_command(command); }), ErrorCode::kIo);
}

TEST(OwnCommand, GetsSigtermWhenTheDaemonDies) {
  const TestFolder folder;
  const std::string mark = folder.path("mark");
  const pid_t daemon = ::fork();
  ASSERT_GE(daemon, 0);
  if (daemon == 0) {
    run_own_command(shell("trap 'echo term > " + mark + "; exit' TERM; echo ready > " + mark +
                          "; while :; do sleep 0.01; done"));
    ::_exit(0);
  }
  const auto content = [&mark] {
    return ::access(mark.c_str(), F_OK) == 0 ? read_whole_file(mark, 100) : "";
  };
  while (content() != "ready\n") std::this_thread::sleep_for(10ms);
  ::kill(daemon, SIGKILL);
  while (content() != "term\n") std::this_thread::sleep_for(10ms);
}

}  // namespace
}  // namespace litewright
