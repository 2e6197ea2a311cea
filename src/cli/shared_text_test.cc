#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/thrown_error_test.h"
#include "cli/shared_text_linux.h"

namespace litewright {
namespace {

void in_a_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
}

TEST(SharedText, IsWhatTheLastChildWrote) {
  SharedText text(10);
  EXPECT_FALSE(text.read());
  for (const std::string wrote : {"one", "", "0123456789", "two"}) {
    in_a_child([&] { text.write(wrote); });
    EXPECT_EQ(text.read(), wrote);
    in_a_child([&] { ::_exit(text.read() == wrote ? 0 : 1); });
  }
}

TEST(SharedText, RefusesWhatItHasNoRoomForAndKeepsTheOldOne) {
  SharedText text(3);
  text.write("old");
  EXPECT_EQ(code_of([&] { text.write("long"); }), ErrorCode::kUsage);
  EXPECT_EQ(text.read(), "old");
}

}  // namespace
}  // namespace litewright
