#include "serve/status_board.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/json_text.h"

namespace litewright {
namespace {

using enum FindingSource;

Finding finding(const std::string& id, Severity severity, const std::string& object = "") {
  return {.id = id, .severity = severity, .object = object, .meaning = "it is so"};
}

class StatusBoardTest : public ::testing::Test {
 protected:
  void join(const std::string& name) {
    board_.join(name, [&](DatabaseStatus& status) { status.path = "/data/" + name; });
  }
  // "appeared wal.large", "database app", …: what came since the last call.
  std::vector<std::string> news() {
    std::vector<std::string> words;
    for (const StatusChange& change : board_.after(seen_, std::chrono::milliseconds(0)).changes) {
      const auto document = parse_json(change.document);
      seen_ = change.number;
      if (change.kind != "finding") words.push_back(change.kind + " " + change.database);
      if (change.kind == "finding")
        words.push_back(document.at("change").get<std::string>() + " " +
                        document.at("finding").at("id").get<std::string>());
    }
    return words;
  }
  using Words = std::vector<std::string>;

  SystemClock clock_;
  StatusBoard board_{clock_};
  std::uint64_t seen_ = 0;
};

TEST_F(StatusBoardTest, ADatabaseJoinsIsSeenAndLeaves) {
  join("app");
  ASSERT_NE(board_.find("app"), nullptr);
  EXPECT_EQ(board_.find("app")->path, "/data/app");
  EXPECT_EQ(board_.find("other"), nullptr);
  board_.leave("app");
  board_.leave("app");
  EXPECT_EQ(board_.databases().size(), 0u);
  EXPECT_EQ(news(), (Words{"database app", "database.left app"}));
}

TEST_F(StatusBoardTest, WhatComesLateOfOneThatLeftDoesNotBringItBack) {
  board_.update("app", [](DatabaseStatus& status) { status.commits = 1; });
  board_.set_findings("app", kLook, {finding("wal.large", Severity::kWarning)});
  EXPECT_EQ(board_.databases().size(), 0u);
  EXPECT_EQ(news(), Words{});
}

TEST_F(StatusBoardTest, DatabasesComeByName) {
  for (const char* name : {"b", "c", "a"}) join(name);
  std::string names;
  for (const auto& entry : board_.databases()) names += entry->name;
  EXPECT_EQ(names, "abc");
}

TEST_F(StatusBoardTest, AReaderKeepsWhatItSaw) {
  join("app");
  const auto before = board_.find("app");
  board_.update("app", [](DatabaseStatus& status) { status.commits = 7; });
  EXPECT_EQ(before->commits, 0u);
  EXPECT_EQ(board_.find("app")->commits, 7u);
}

TEST_F(StatusBoardTest, FiguresAreNoChangeAndTheGuardsStateIsOne) {
  join("app");
  news();
  board_.update("app", [](DatabaseStatus& status) { status.archived = Txid(9); });
  EXPECT_EQ(news(), Words{});
  board_.update("app", [](DatabaseStatus& status) { status.guard = GuardState::kFollowing; });
  EXPECT_EQ(news(), Words{"database app"});
}

TEST_F(StatusBoardTest, FindingsAppearWorsenEaseAndClear) {
  join("app");
  news();
  board_.set_findings("app", kLook, {finding("wal.large", Severity::kWarning)});
  board_.set_findings("app", kLook, {finding("wal.large", Severity::kCritical)});
  board_.set_findings("app", kLook, {finding("wal.large", Severity::kCritical)});
  board_.set_findings("app", kLook,
                      {finding("wal.large", Severity::kInfo), finding("disk.free", Severity::kWarning)});
  board_.set_findings("app", kLook, {});
  EXPECT_EQ(news(), (Words{"appeared wal.large", "worsened wal.large", "appeared disk.free",
                           "eased wal.large", "cleared disk.free", "cleared wal.large"}));
}

TEST_F(StatusBoardTest, WhatTwoSourcesSayIsOneFindingUntilBothAreSilent) {
  join("app");
  news();
  board_.set_findings("app", kLook, {finding("wal.large", Severity::kWarning)});
  board_.set_findings("app", kCheck, {finding("wal.large", Severity::kCritical)});
  EXPECT_EQ(board_.find("app")->open_findings().size(), 1u);
  EXPECT_EQ(board_.find("app")->worst(), Severity::kCritical);
  board_.set_findings("app", kCheck, {});
  board_.set_findings("app", kLook, {});
  EXPECT_EQ(news(),
            (Words{"appeared wal.large", "worsened wal.large", "eased wal.large", "cleared wal.large"}));
}

TEST_F(StatusBoardTest, OkEndsAnIdOrOneObjectOfIt) {
  join("app");
  for (const char* object : {"a", "b", "c"})
    board_.tell("app", kGuard, finding("index.unused", Severity::kInfo, object));
  board_.tell("app", kGuard, finding("index.unused", Severity::kOk, "b"));
  EXPECT_EQ(board_.find("app")->open_findings().size(), 2u);
  board_.tell("app", kGuard, finding("index.unused", Severity::kOk));
  EXPECT_EQ(board_.find("app")->open_findings().size(), 0u);
}

TEST_F(StatusBoardTest, TheWorstComesFirstAndIsKept) {
  join("app");
  std::vector<Finding> many;
  for (std::size_t i = 0; i < StatusBoard::kMostFindings + 10; i++)
    many.push_back(finding("row.bad", Severity::kInfo, std::to_string(i)));
  many.push_back(finding("integrity.damaged", Severity::kCritical));
  board_.set_findings("app", kCheck, many);
  const auto open = board_.find("app")->open_findings();
  ASSERT_EQ(open.size(), StatusBoard::kMostFindings);
  EXPECT_EQ(open[0].id, "integrity.damaged");
}

TEST_F(StatusBoardTest, FindingsOfOneThatLeftAreOver) {
  join("app");
  board_.tell("app", kGuard, finding("archive.spooling", Severity::kWarning));
  news();
  board_.leave("app");
  board_.tell("app", kGuard, finding("archive.spooling", Severity::kCritical));
  EXPECT_EQ(news(), (Words{"cleared archive.spooling", "database.left app"}));
}

TEST_F(StatusBoardTest, TheDaemonHasFindingsOfItsOwn) {
  board_.tell_of_daemon(finding("config.refused", Severity::kCritical, "/etc/litewright/litewright.toml"));
  EXPECT_EQ(board_.daemon_findings().size(), 1u);
  board_.tell_of_daemon(finding("config.refused", Severity::kOk));
  EXPECT_EQ(news(), (Words{"appeared config.refused", "cleared config.refused"}));
}

TEST_F(StatusBoardTest, WhoComesTooLateIsToldThatItMissedSome) {
  for (std::size_t i = 0; i < StatusBoard::kMostChanges + 5; i++) board_.ran("app", "{}");
  const auto late = board_.after(2, std::chrono::milliseconds(0));
  EXPECT_TRUE(late.missed);
  EXPECT_EQ(late.changes.size(), StatusBoard::kMostChanges);
  EXPECT_EQ(late.changes.front().number, 6u);
  const auto rest = board_.after(board_.last_change() - 3, std::chrono::milliseconds(0));
  EXPECT_FALSE(rest.missed);
  EXPECT_EQ(rest.changes.size(), 3u);
  EXPECT_FALSE(board_.after(5, std::chrono::milliseconds(0)).missed);
}

TEST_F(StatusBoardTest, WhoWaitsIsWoken) {
  std::thread writer([this] { board_.ran("app", "{}"); });
  EXPECT_EQ(board_.after(0, std::chrono::minutes(1)).changes.size(), 1u);
  writer.join();
}

}  // namespace
}  // namespace litewright
