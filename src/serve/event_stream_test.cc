#include "serve/event_stream.h"

#include <gtest/gtest.h>

#include "serve/web_samples.h"

namespace litewright {
namespace {

constexpr std::uint64_t kLife = 99;

TEST(EventStream, TellsWhatChangesFromNowOn) {
  const SteppedClock clock;
  StatusBoard board(clock);
  fill_board(board, clock);
  EventStream stream(board, clock, {.life = kLife});
  EXPECT_TRUE(stream.ready());
  EXPECT_EQ(stream.next(), "retry: 2000\n: litewright\n\n");
  EXPECT_FALSE(stream.ready());
  EXPECT_EQ(stream.next(), "");
  board.tell("shop", FindingSource::kCheck, sample_finding("wal.pinned", Severity::kWarning));
  EXPECT_TRUE(stream.ready());
  const std::string said = stream.next().value();
  EXPECT_EQ(said.find("id: 99-3\nevent: finding\ndata: {"), 0u) << said;
  EXPECT_TRUE(said.ends_with("}\n\n")) << said;
  EXPECT_FALSE(stream.ready());
}

TEST(EventStream, GoesOnAfterTheLastEventThatWasSeen) {
  const SteppedClock clock;
  StatusBoard board(clock);
  fill_board(board, clock);
  board.tell("shop", FindingSource::kCheck, sample_finding("wal.pinned", Severity::kWarning));
  EventStream stream(board, clock, {.life = kLife, .last_id = "99-2"});
  const std::string said = stream.next().value();
  EXPECT_NE(said.find("id: 99-3\n"), std::string::npos) << said;
  EXPECT_EQ(said.find("missed"), std::string::npos) << said;
}

TEST(EventStream, SaysThatSomeWereMissed) {
  const SteppedClock clock;
  StatusBoard board(clock);
  fill_board(board, clock);
  for (const std::string id : {"98-2", "99-77", "nonsense"}) {
    EventStream stream(board, clock, {.life = kLife, .last_id = id});
    EXPECT_NE(stream.next().value().find("id: 99-2\nevent: missed\n"), std::string::npos) << id;
    EXPECT_EQ(stream.next(), "") << "once";
  }
  EventStream stream(board, clock, {.life = kLife, .last_id = "99-0"});
  for (std::size_t i = 0; i <= StatusBoard::kMostChanges; ++i) board.ran("shop", "{}");
  EXPECT_NE(stream.next().value().find("event: missed\n"), std::string::npos);
}

TEST(EventStream, LeavesOtherDatabasesOutAndShowsThatItIsStillThere) {
  SteppedClock clock;
  StatusBoard board(clock);
  fill_board(board, clock);
  EventStream stream(board, clock, {.life = kLife, .database = "shop"});
  stream.next();
  board.ran("tenants", "{}");
  EXPECT_EQ(stream.next(), "");
  EXPECT_FALSE(stream.ready());
  clock.step(std::chrono::seconds(15));
  EXPECT_TRUE(stream.ready());
  EXPECT_EQ(stream.next(), ": still here\n\n");
  EXPECT_FALSE(stream.ready());
}

}  // namespace
}  // namespace litewright
