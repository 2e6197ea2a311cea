// Real databases, real guards: who joins is followed, who is changed is followed anew, who is gone leaves.
#include "serve/fleet.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <thread>

#include "base/test_folder.h"
#include "sqlite/connection.h"
#include "store/open_store.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class FleetTest : public ::testing::Test {
 protected:
  FleetTest() {
    fs::create_directory(folder_.path("data"));
    configure("glob = \"" + folder_.path("data") + "/*.db\"");
  }
  ~FleetTest() override {
    fleet_.stop();
    until([this] { return fleet_.has_left(); });
  }
  static std::string made(const std::string& folder) {
    fs::create_directory(folder);
    return folder;
  }
  void configure(const std::string& database) {
    configuration_ = std::make_shared<const Configuration>(
        parse_configuration("[[database]]\n" + database + "\n", folder_.path("litewright.toml")));
  }
  std::string make(const std::string& name) {
    const std::string path = folder_.path("data/" + name);
    Connection application(path, {.mode = OpenMode::kCreate});
    application.execute("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES(1)");
    return path;
  }
  void reconcile() { fleet_.reconcile(find_members(configuration_)); }
  // Once a state is reached; a test that never gets there is stopped by its runner.
  static void until(const std::function<bool()>& holds) {
    while (!holds()) std::this_thread::sleep_for(5ms);
  }
  bool is(const std::string& name, GuardState state) const {
    const auto entry = board_.find(name);
    return entry && entry->guard == state;
  }

  const TestFolder folder_;
  SystemClock clock_;
  StatusBoard board_{clock_};
  OpenGates gates_{clock_, {.oldest = [](SteadyTime) {}, .none = [] {}, .databases = [](bool) {}}};
  GuardedFiles files_;
  std::string state_ = made(folder_.path("state"));
  GuardCommons commons_{state_};
  std::vector<std::string> joined_, left_;
  std::shared_ptr<const Configuration> configuration_;
  Fleet fleet_{state_,
               {board_, gates_, files_, commons_, clock_, [](const LogEntry&) {}},
               {.joined = [this](const Member& member) { joined_.push_back(member.name); },
                .left = [this](const Member& member) { left_.push_back(member.name); }}};
};

TEST_F(FleetTest, WhatIsThereIsFollowedAndWhatJoinsTooAndWhatIsDeletedLeavesWithAFinding) {
  make("a.db");
  reconcile();
  until([this] { return is("a.db", GuardState::kFollowing); });
  const std::string b = make("b.db");
  reconcile();
  until([this] { return is("b.db", GuardState::kFollowing); });
  EXPECT_EQ(joined_, (std::vector<std::string>{"a.db", "b.db"}));
  EXPECT_FALSE(open_store(b + "-archive")->list("segments/").empty());

  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(b + suffix);
  until([this] {
    reconcile();
    return board_.find("b.db") == nullptr;
  });
  EXPECT_EQ(left_, std::vector<std::string>{"b.db"});
  ASSERT_EQ(board_.daemon_findings().size(), 1u);
  EXPECT_EQ(board_.daemon_findings()[0].id, "database.deleted");
  EXPECT_EQ(board_.daemon_findings()[0].object, b);
  EXPECT_EQ(board_.daemon_findings()[0].database, "b.db") << "alerts are narrowed by names";

  make("b.db");
  reconcile();
  EXPECT_TRUE(board_.daemon_findings().empty());
  until([this] { return is("b.db", GuardState::kFollowing); });
}

TEST_F(FleetTest, OnlyWhatAGuardIsMadeOfBeginsItAnew) {
  const std::string path = make("a.db");
  reconcile();
  until([this] { return is("a.db", GuardState::kFollowing); });
  const std::uint64_t before = board_.last_change();
  configure("glob = \"" + folder_.path("data") + "/*.db\"\nthresholds = { wal = \"1MB,2MB\" }");
  reconcile();
  reconcile();
  EXPECT_TRUE(is("a.db", GuardState::kFollowing));
  EXPECT_EQ(board_.last_change(), before);
  EXPECT_EQ(joined_.size(), 2u);  // who looks at it is told
  const std::string archive = folder_.path("elsewhere");
  configure("path = \"" + path + "\"\narchive = \"" + archive + "\"");
  until([&] {
    reconcile();
    return board_.find("a.db")->archive == archive && is("a.db", GuardState::kFollowing);
  });
  EXPECT_FALSE(open_store(archive)->list("segments/").empty());
}

TEST_F(FleetTest, OneThatIsNoDatabaseWaitsAndIsFollowedOnceItIsOne) {
  make("a.db");
  const std::string bad = folder_.path("data/bad.db");
  {
    Connection(bad, {.mode = OpenMode::kCreate}).execute("CREATE TABLE t(x); DROP TABLE t");
  }
  fs::resize_file(bad, 0);
  reconcile();
  until([this] { return is("a.db", GuardState::kFollowing) && is("bad.db", GuardState::kWaiting); });
  until([this] { return !board_.find("bad.db")->open_findings().empty(); });
  EXPECT_EQ(board_.find("bad.db")->open_findings()[0].id, "guard.waiting");
  EXPECT_EQ(board_.find("bad.db")->worst(), Severity::kCritical);
  make("bad.db");
  until([this] {
    return is("bad.db", GuardState::kFollowing) && board_.find("bad.db")->worst() == Severity::kOk;
  });
}

TEST_F(FleetTest, AFileWithTwoNamesIsGuardedOnce) {
  const std::string path = make("a.db");
  reconcile();
  until([this] { return is("a.db", GuardState::kFollowing); });
  fs::create_hard_link(path, folder_.path("data/z.db"));
  reconcile();
  until([this] { return is("z.db", GuardState::kWaiting); });
  EXPECT_NE(board_.find("z.db")->trouble.find("under another name"), std::string::npos);
  EXPECT_TRUE(is("a.db", GuardState::kFollowing));
}

TEST_F(FleetTest, OnLeavingWhatIsThereIsArchived) {
  const std::string path = make("a.db");
  reconcile();
  until([this] { return is("a.db", GuardState::kFollowing); });
  const Txid before = board_.find("a.db")->archived;
  Connection application(path, {});
  application.execute("INSERT INTO t VALUES(2)");
  fleet_.stop();
  until([this] { return fleet_.has_left(); });
  EXPECT_EQ(board_.find("a.db")->archived, before.next());
  EXPECT_TRUE(is("a.db", GuardState::kStopped));
}

}  // namespace
}  // namespace litewright
