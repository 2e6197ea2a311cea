// The board, what is delivered and in which order. What is told when: alert_book_test.cc.
#include "serve/alerts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/durable_file.h"
#include "base/file_descriptor.h"
#include "base/json_text.h"
#include "base/test_folder.h"
#include "base/thrown_error_test.h"

namespace litewright {
namespace {

using Said = std::vector<std::string>;

// The system's, but that the test lets time pass.
struct HurriedClock final : Clock {
  WallTime wall() const override { return SystemClock().wall() + passed.load(); }
  SteadyTime steady() const override { return SystemClock().steady() + passed.load(); }
  std::atomic<std::chrono::seconds> passed = {};
};

class AlertsTest : public ::testing::Test {
 protected:
  // With one receiver for each command; each answers with the next of its statuses, then with 0.
  void begin(const std::vector<std::string>& commands) {
    board_.join("shop", [](DatabaseStatus&) {});
    board_.mark_started();
    alerts_ = std::make_unique<Alerts>(
        settings_of(commands),
        AlertSurroundings{.board = board_,
                          .clock = clock_,
                          .run = [this](const OwnCommand& command) { return receive(command); },
                          .log = [this](const LogEntry& entry) { log(entry); },
                          .state_folder = folder_.path("."),
                          .host = "h"});
  }
  static std::vector<AlertSettings> settings_of(const std::vector<std::string>& commands) {
    std::vector<AlertSettings> settings;
    for (const std::string& command : commands) {
      settings.push_back(
          {.name = command, .settle = std::chrono::nanoseconds(0), .channel = {.command = command}});
    }
    return settings;
  }
  // What that alert said is noted to have arrived.
  bool all_noted(const std::string& alert) {
    const auto end = SystemClock().steady() + std::chrono::seconds(30);
    while (kept().find(fmt::format(R"({{"alert":"{}","level")", alert)) != std::string::npos) {
      if (SystemClock().steady() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  std::string kept() { return read_whole_file(folder_.path("alerts.json"), 1 << 20); }
  // As a restart does; `sudden`: as a kill right now, whatever is noted when it ends in order.
  void restart(const std::vector<std::string>& commands, bool sudden = false) {
    const std::string before = sudden ? kept() : "";
    alerts_.reset();
    if (sudden) write_file_durably(folder_.path("alerts.json"), std::as_bytes(std::span(before)));
    begin(commands);
  }
  void use(const std::vector<std::string>& commands) { alerts_->use(settings_of(commands)); }
  void find(Severity severity) {
    board_.tell("shop", FindingSource::kLook, {.id = "wal.large", .severity = severity, .meaning = "large"});
  }
  // Of one receiver, "appeared 1" where it answered with 1; waits until there are so many.
  Said said(const std::string& receiver, std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return said_[receiver].size() >= count; });
    return said_[receiver];
  }
  Said logged() {
    const std::lock_guard lock(mutex_);
    return logged_;
  }

  std::map<std::string, std::deque<int>> statuses_ = {};  // before begin()
  const TestFolder folder_;
  HurriedClock clock_;
  StatusBoard board_{clock_};

 private:
  OwnCommandResult receive(const OwnCommand& command) {
    const auto document = parse_json(command.words.at(4));
    const std::lock_guard lock(mutex_);
    std::deque<int>& statuses = statuses_[command.words[3]];
    const int status = statuses.empty() ? 0 : statuses.front();
    if (!statuses.empty()) statuses.pop_front();
    said_[command.words[3]].push_back(document["notices"][0]["reason"].get<std::string>() + " " +
                                      std::to_string(status));
    changed_.notify_all();
    return {.status = status};
  }
  void log(const LogEntry& entry) {
    const std::lock_guard lock(mutex_);
    logged_.push_back(entry.event);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Said> said_;
  Said logged_;

 protected:
  std::unique_ptr<Alerts> alerts_;
};

TEST_F(AlertsTest, AReceiverThatFailsIsToldInOrderAndTheOthersAtOnce) {
  statuses_["fails"] = {1, 1};
  begin({"fails", "is well"});
  find(Severity::kWarning);
  EXPECT_EQ(said("fails", 1), Said{"appeared 1"});
  find(Severity::kOk);
  EXPECT_EQ(said("is well", 2), (Said{"appeared 0", "cleared 0"}));
  EXPECT_EQ(said("fails", 4), (Said{"appeared 1", "appeared 1", "appeared 0", "cleared 0"}));
  EXPECT_EQ(logged(), Said{"alert.delayed"});
}

TEST_F(AlertsTest, OthersAreToldFromNowOnAndNobodyTwice) {
  begin({});
  find(Severity::kWarning);
  use({"a", "stays"});
  EXPECT_EQ(said("a", 1), Said{"appeared 0"});
  EXPECT_EQ(said("stays", 1), Said{"appeared 0"});
  use({"stays", "b"});
  EXPECT_EQ(said("b", 1), Said{"appeared 0"});
  find(Severity::kOk);
  EXPECT_EQ(said("b", 2), (Said{"appeared 0", "cleared 0"}));
  EXPECT_EQ(said("stays", 2), (Said{"appeared 0", "cleared 0"}));
  EXPECT_EQ(said("a", 1), Said{"appeared 0"}) << "it is nobody's any more";
  use({});
  EXPECT_EQ(code_of([&] { alerts_->use({{.name = "a", .channel = {.webhook = "ftp://x"}}}); }),
            ErrorCode::kConfig);
}

TEST_F(AlertsTest, WhatDidNotArriveBeforeARestartArrivesAfterItInItsOrderAndOnce) {
  statuses_["fails"] = {1, 1, 1};
  begin({"fails", "is well"});
  find(Severity::kWarning);
  EXPECT_EQ(said("is well", 1), Said{"appeared 0"});
  find(Severity::kOk);
  EXPECT_EQ(said("is well", 2).size(), 2u);
  EXPECT_EQ(said("fails", 2), (Said{"appeared 1", "appeared 1"}));
  EXPECT_TRUE(all_noted("is well"));
  restart({"fails", "is well"}, true);
  EXPECT_EQ(said("fails", 3).back(), "appeared 1");
  restart({"fails", "is well"});
  EXPECT_EQ(said("fails", 5), (Said{"appeared 1", "appeared 1", "appeared 1", "appeared 0", "cleared 0"}));
  restart({"fails", "is well"});
  find(Severity::kCritical);
  EXPECT_EQ(said("fails", 6).back(), "appeared 0") << "what arrived does not come again";
  EXPECT_EQ(said("is well", 3), (Said{"appeared 0", "cleared 0", "appeared 0"}));
}

TEST_F(AlertsTest, WhatWaitedForAReceiverThatIsNobodysAnyMoreGoesNowhere) {
  statuses_["gone"] = {1, 1};
  begin({"gone"});
  find(Severity::kWarning);
  EXPECT_EQ(said("gone", 1), Said{"appeared 1"});
  restart({"other"});
  EXPECT_EQ(said("other", 1), Said{"appeared 0"});
  restart({"gone"});
  EXPECT_EQ(said("gone", 2), (Said{"appeared 1", "appeared 1"})) << "told anew";
}

TEST_F(AlertsTest, AFileThatSomebodyWroteIntoIsNoTrouble) {
  for (const std::string bad :
       {R"({"told":[],"pending":7})", R"({"pending":[7,{},{"way":"post"},{"way":"syslog"}]})",
        R"({"pending":[{"alert":"ops","level":9,"way":"command","document":"{}"}]})",
        R"({"pending":[{"alert":"ops","level":0,"way":"webhook","document":"{}"}]})"}) {
    write_file_durably(folder_.path("alerts.json"), std::as_bytes(std::span(bad)));
    alerts_.reset();
    begin({"ops"});
    find(Severity::kOk);
  }
  find(Severity::kCritical);
  EXPECT_EQ(said("ops", 1), Said{"appeared 0"});
}

TEST_F(AlertsTest, WhatCanNotBeKeptIsToldAllTheSame) {
  std::filesystem::create_directory(folder_.path("alerts.json"));
  begin({"ops"});
  find(Severity::kCritical);
  EXPECT_EQ(said("ops", 1), Said{"appeared 0"});
  find(Severity::kOk);
  EXPECT_EQ(said("ops", 2), (Said{"appeared 0", "cleared 0"}));
  EXPECT_EQ(logged(), (Said{"warning", "warning"})) << "not readable, not writable, each said once";
}

TEST_F(AlertsTest, AReceiverThatTakesNothingIsAFindingThatTheOthersHearOf) {
  statuses_["dead"] = {1, 1, 1};
  begin({"dead", "is well"});
  find(Severity::kWarning);
  for (const int tries : {1, 2}) {
    EXPECT_EQ(said("dead", static_cast<std::size_t>(tries)).size(), static_cast<std::size_t>(tries));
    clock_.passed = std::chrono::seconds(100 * tries);
  }
  EXPECT_EQ(said("is well", 2), (Said{"appeared 0", "appeared 0"}));
  const Said dead = said("dead", 4);
  EXPECT_EQ(Said(dead.begin(), dead.begin() + 4),
            (Said{"appeared 1", "appeared 1", "appeared 1", "appeared 0"}));
  EXPECT_EQ(said("is well", 3).back(), "cleared 0");
  EXPECT_TRUE(board_.daemon_findings().empty());
}

}  // namespace
}  // namespace litewright
