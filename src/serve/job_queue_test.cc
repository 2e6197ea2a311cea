#include "serve/job_queue.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/time_text.h"

namespace litewright {
namespace {

using namespace std::chrono_literals;

WallTime at(std::string_view time) { return parse_time(fmt::format("2026-11-02T{}Z", time), WallTime{}); }

class JobQueueTest : public ::testing::Test {
 protected:
  std::vector<Job> jobs(const std::vector<std::pair<std::string, std::string>>& schedules) const {
    std::vector<Job> made;
    for (const auto& [name, schedule] : schedules)
      made.push_back({.name = name, .schedule = Schedule::parse(schedule, utc_)});
    return made;
  }
  // "a daily", …: what has begun.
  std::vector<std::string> tick(std::string_view time, std::size_t at_once = 1) {
    std::vector<std::string> words;
    last_ = queue_.tick(at(time), at_once);
    for (const DueRun& run : last_.begin) {
      words.push_back(run.database + " " + run.start.job);
      begun_.push_back(run);
    }
    return words;
  }
  void end(std::string_view time, bool done = true) {
    queue_.ended(begun_.front(), at(time), done ? RunEnd::kDone : RunEnd::kFailed);
    begun_.erase(begun_.begin());
  }
  using Words = std::vector<std::string>;

  const TimeZone utc_ = TimeZone::find("UTC");
  JobQueue queue_;
  JobQueue::Tick last_;
  std::vector<DueRun> begun_;
};

TEST_F(JobQueueTest, SoManyRunAtATimeAndWhatIsDueLongestGoesFirst) {
  queue_.put("a", jobs({{"daily", "5 1 * * *"}}), {}, at("00:00:00"));
  queue_.put("b", jobs({{"daily", "0 1 * * *"}}), {}, at("00:00:00"));
  queue_.put("c", jobs({{"daily", "0 1 * * *"}}), {}, at("00:00:00"));
  EXPECT_EQ(tick("00:59:00", 2), Words{});
  EXPECT_EQ(last_.wake, at("01:00:00"));
  EXPECT_EQ(tick("01:00:00", 2), (Words{"b daily", "c daily"}));
  EXPECT_EQ(tick("01:05:00", 2), Words{});
  end("01:10:00");
  EXPECT_EQ(tick("01:10:00", 2), Words{"a daily"});
  EXPECT_TRUE(last_.skips.empty());
}

TEST_F(JobQueueTest, NeverTwoOnOneDatabaseTheShorterPlanFirst) {
  queue_.put("a", jobs({{"hourly", "0 * * * *"}, {"daily", "0 2 * * *"}}), {}, at("01:30:00"));
  EXPECT_EQ(tick("02:00:00", 5), Words{"a hourly"});
  EXPECT_EQ(tick("02:01:00", 5), Words{});
  end("02:02:00");
  EXPECT_EQ(tick("02:02:00", 5), Words{"a daily"});
  // It waits for the daily one, and gives way to itself when it is due again.
  EXPECT_EQ(tick("03:00:00", 5), Words{});
  EXPECT_EQ(tick("04:00:00", 5), Words{});
  ASSERT_EQ(last_.skips.size(), 1u);
  EXPECT_EQ(last_.skips[0].skip.due, at("03:00:00"));
  end("04:30:00");
  EXPECT_EQ(tick("04:30:00", 5), Words{"a hourly"});
}

TEST_F(JobQueueTest, WhatIsAskedForGoesFirstAndDisturbsNoSchedule) {
  queue_.put("a", jobs({{"daily", "0 1 * * *"}}), {}, at("00:00:00"));
  queue_.ask("a", "weekly", 7);
  queue_.ask("a", "weekly", 7);
  EXPECT_EQ(tick("01:00:00"), Words{"a weekly"});
  EXPECT_EQ(begun_.front().asked, 7);
  EXPECT_EQ(begun_.front().start.due, at("01:00:00"));
  end("01:20:00", false);
  EXPECT_EQ(tick("01:20:00"), Words{"a daily"});
  for (std::size_t i = 1; i <= JobQueue::kMostAsked; i++) {
    EXPECT_TRUE(queue_.takes_more());
    queue_.ask("a", "daily", static_cast<std::int64_t>(i));
  }
  EXPECT_FALSE(queue_.takes_more());
}

TEST_F(JobQueueTest, AFailedRunComesAgainAfterAWhile) {
  queue_.put("a", jobs({{"daily", "0 1 * * *"}}), {}, at("00:00:00"));
  EXPECT_EQ(tick("01:00:00"), Words{"a daily"});
  end("01:00:10", false);
  EXPECT_EQ(tick("01:00:10"), Words{});
  EXPECT_EQ(last_.wake, at("01:01:10"));
  EXPECT_EQ(tick("01:01:10"), Words{"a daily"});
  EXPECT_EQ(begun_.front().start.attempt, 2);
}

TEST_F(JobQueueTest, WhatCouldNotBeginIsDueAgainWithTheSameAttempt) {
  queue_.put("a", jobs({{"daily", "0 1 * * *"}}), {}, at("00:00:00"));
  queue_.put("b", jobs({{"daily", "0 1 * * *"}}), {}, at("00:00:00"));
  queue_.ask("b", "weekly", 7);
  for (const char* now : {"01:00:00", "01:00:30", "01:01:00"}) {
    EXPECT_EQ(tick(now, 2), (Words{"b weekly", "a daily"}));
    for (; !begun_.empty(); begun_.pop_back()) queue_.not_begun(begun_.back());
    EXPECT_EQ(queue_.running(), 0U);
  }
  EXPECT_EQ(tick("01:02:00"), Words{"b weekly"});
  end("01:02:00");
  EXPECT_EQ(tick("01:02:00"), Words{"a daily"});
  EXPECT_EQ(last_.begin[0].start.attempt, 1);
  EXPECT_EQ(last_.begin[0].asked, 0);
  end("01:02:00", false);
  EXPECT_EQ(tick("01:02:00"), Words{"b daily"});
  end("01:02:30");
  EXPECT_EQ(tick("01:03:00"), Words{"a daily"});  // the second attempt
  queue_.not_begun(begun_.back());
  begun_.clear();
  EXPECT_EQ(tick("01:03:10"), Words{"a daily"});
  EXPECT_EQ(last_.begin[0].start.attempt, 2);
}

TEST_F(JobQueueTest, WhoLeavesMayStillBeRunning) {
  queue_.put("a", jobs({{"daily", "0 1 * * *"}}), {}, at("00:00:00"));
  tick("01:00:00");
  queue_.ask("a", "daily", 1);
  queue_.drop("a");
  EXPECT_TRUE(queue_.is_running("a"));
  end("01:01:00");
  EXPECT_FALSE(queue_.is_running("a"));
  EXPECT_EQ(tick("02:00:00"), Words{});
}

TEST_F(JobQueueTest, ANewScheduleHasMissedNothing) {
  queue_.put("a", jobs({{"hourly", "0 * * * *"}, {"daily", "0 1 * * *"}}), {}, at("00:30:00"));
  const auto changed = jobs({{"hourly", "0 * * * *"}, {"daily", "0 9 * * *"}});
  EXPECT_FALSE(queue_.has_jobs("a", changed));
  const std::map<std::string, PastRuns> past = {
      {"hourly", {.handled = at("08:00:00"), .attempts = 1}},
      {"daily", {.since = at("10:30:00"), .handled = at("01:00:00"), .attempts = 1}}};
  queue_.put("a", changed, past, at("10:30:00"));
  EXPECT_TRUE(queue_.has_jobs("a", changed));
  EXPECT_EQ(tick("10:30:00"), Words{"a hourly"});  // that of 10:00
  end("10:31:00");
  EXPECT_EQ(tick("10:31:00"), Words{});
  EXPECT_EQ(queue_.next_start("a", "hourly", at("10:31:00")), at("11:00:00"));
  EXPECT_EQ(queue_.next_start("a", "daily", at("10:31:00")), at("09:00:00") + 24h);
  EXPECT_EQ(queue_.next_start("a", "weekly", at("10:31:00")), std::nullopt);
}

TEST_F(JobQueueTest, ANewScheduleForgetsNoRetry) {
  queue_.put("a", jobs({{"daily", "0 1 * * *"}}), {}, at("00:30:00"));
  const std::map<std::string, PastRuns> past = {{"daily",
                                                 {.since = at("01:00:30"),
                                                  .handled = at("01:00:00"),
                                                  .due = at("01:00:00"),
                                                  .attempts = 1,
                                                  .end = RunEnd::kFailed,
                                                  .ended = at("01:00:10")}}};
  queue_.put("a", jobs({{"daily", "0 9 * * *"}}), past, at("01:00:30"));
  EXPECT_EQ(tick("01:00:30"), Words{});
  EXPECT_EQ(tick("01:01:10"), Words{"a daily"});
}

}  // namespace
}  // namespace litewright
