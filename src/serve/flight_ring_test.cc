#include "serve/flight_ring.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace litewright {
namespace {

using std::chrono::seconds;

FlightSample sample_of(const std::string& role, double held, const std::string& severity = "warning") {
  return flight_sample(
             fmt::format(R"({{"schema":"litewright/locks/1","processes":[{{"pid":7,"role":"{}",)"
                         R"("held_seconds":{}}}],"findings":[{{"id":"wal.pinned","severity":"{}"}}]}})",
                         role, held, severity))
      .value();
}

TEST(FlightSample, SeesWhoKeepsOthersOutAndNobodyElse) {
  EXPECT_EQ(sample_of("writes", 6.5).longest_held_seconds, 6.5);
  EXPECT_EQ(sample_of("writes", 6.5).holder, "pid 7 writes");
  EXPECT_EQ(sample_of("reads", 600).longest_held_seconds, 0);
  EXPECT_EQ(sample_of("follows", 600).longest_held_seconds, 0);
  EXPECT_EQ(sample_of("reads", 1).critical, "");
  EXPECT_EQ(sample_of("reads", 1, "critical").critical, "wal.pinned");
  for (const char* other : {"", "[]", "{", "{}", R"({"schema":"litewright/error/1"})"})
    EXPECT_FALSE(flight_sample(other)) << other;
}

TEST(FlightRing, ForgetsWhatIsOldAndWhatIsTooMuch) {
  FlightRing ring({.kept = seconds(10), .most_bytes = 100'000});
  SteadyTime now{};
  for (int i = 0; i < 100; ++i) ring.note(sample_of("idle", 0), now += seconds(1));
  EXPECT_EQ(ring.size(), 11u);
  FlightRing small({.kept = seconds(1000), .most_bytes = 1000});
  for (int i = 0; i < 100; ++i) small.note(sample_of("idle", 0), now += seconds(1));
  EXPECT_LE(small.lines().size(), 1000u + small.size());
  EXPECT_GT(small.size(), 2u);
}

TEST(FlightRing, IsWorthKeepingOnceAStall) {
  FlightRing ring({.stall = seconds(5), .apart = seconds(300)});
  SteadyTime now{};
  EXPECT_FALSE(ring.note(sample_of("writes", 4.9), now += seconds(1)));
  EXPECT_EQ(ring.note(sample_of("writes", 5), now += seconds(1)), "pid 7 writes for 5.0 s");
  EXPECT_FALSE(ring.note(sample_of("writes", 6), now += seconds(1)));
  EXPECT_TRUE(ring.note(sample_of("writes", 306), now += seconds(300))) << "and what goes on for long again";
  FlightRing other({});
  EXPECT_EQ(other.note(sample_of("reads", 0, "critical"), now), "wal.pinned");
}

}  // namespace
}  // namespace litewright
