#include "serve/open_gates.h"

#include <gtest/gtest.h>

#include <optional>

namespace litewright {
namespace {

using namespace std::chrono_literals;

struct SetClock final : Clock {
  WallTime wall() const override { return {}; }
  SteadyTime steady() const override { return now; }
  SteadyTime now = SteadyTime(100s);
};

class OpenGatesTest : public ::testing::Test {
 protected:
  SetClock clock_;
  std::optional<SteadyTime> oldest_;
  bool databases_ = false;
  OpenGates gates_{clock_,
                   {.oldest = [this](SteadyTime time) { oldest_ = time; },
                    .none = [this] { oldest_.reset(); },
                    .databases = [this](bool any) { databases_ = any; }}};
};

TEST_F(OpenGatesTest, TheOldestOfAllCounts) {
  OpenGates::Gate a(gates_), b(gates_);
  a.enter_or_leave(true);
  EXPECT_EQ(oldest_, SteadyTime(100s));
  clock_.now = SteadyTime(101s);
  b.enter_or_leave(true);
  EXPECT_EQ(oldest_, SteadyTime(100s));
  a.enter_or_leave(false);
  EXPECT_EQ(oldest_, SteadyTime(101s));
  clock_.now = SteadyTime(102s);
  a.enter_or_leave(true);
  EXPECT_EQ(oldest_, SteadyTime(101s));
  b.enter_or_leave(false);
  EXPECT_EQ(oldest_, SteadyTime(102s));
  a.enter_or_leave(false);
  EXPECT_EQ(oldest_, std::nullopt);
}

TEST_F(OpenGatesTest, TwoAtOneMomentAreTwo) {
  OpenGates::Gate a(gates_), b(gates_);
  a.enter_or_leave(true);
  b.enter_or_leave(true);
  a.enter_or_leave(false);
  EXPECT_EQ(oldest_, SteadyTime(100s));
}

TEST_F(OpenGatesTest, AGuardThatIsGoneLeavesNothingOpen) {
  {
    OpenGates::Gate gone(gates_);
    gone.open_or_close_database(true);
    gone.open_or_close_database(true);
    gone.enter_or_leave(true);
    EXPECT_TRUE(databases_);
  }
  EXPECT_EQ(oldest_, std::nullopt);
  EXPECT_FALSE(databases_);
}

}  // namespace
}  // namespace litewright
