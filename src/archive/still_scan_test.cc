// What is committed while a scan reads the database, by a follower whose mark stands still.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>

#include "archive/follow_samples.h"
#include "store/faulty_store.h"

namespace litewright {
namespace {

using namespace follow_samples;

constexpr int kCommits = 20;

// Larger than what the uploader has room for: the scan waits in the middle until the store has taken its
// first bytes.
struct SlowStart {
  SlowStart() {
    application.commit(
        "INSERT INTO orders(body) WITH n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<600) SELECT "
        "randomblob(100000) FROM n;");
    application.run("PRAGMA wal_checkpoint(TRUNCATE);");
    application.insert();  // so that the mark is not on READ(0)
  }
  void meanwhile(std::function<void()> what) { store.at_first_append = std::move(what); }
  std::string restored(Txid txid) { return restored_digest(store, application.folder, txid); }

  Application application;
  FaultyStore store;
};

TEST(StillScan, EachCommitThatComesMeanwhileIsARestorePoint) {
  SlowStart start;
  std::map<std::uint64_t, std::string> digests = {{1, start.application.digest()}};
  std::uint64_t next = 2;
  WallTime before_last{};
  start.meanwhile([&] {
    for (int i = 0; i < kCommits; i++) {
      if (i == kCommits - 1) before_last = SystemClock().wall();
      start.application.insert();
      digests[next++] = start.application.digest();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  RunningFollower follower(start.store, follow_options(start.application));
  EXPECT_EQ(follower.sync(), Txid(1 + kCommits));
  for (const auto& [txid, digest] : digests) EXPECT_EQ(start.restored(Txid(txid)), digest) << txid;
  // They are of when they were seen, not of when the scan let us come to them.
  const auto points = Catalogue::load(start.store);
  RestorePoint then;
  then.at = before_last;
  EXPECT_LE(plan_restore(start.store, points, then).commit.txid, Txid(kCommits));
  EXPECT_GE(plan_restore(start.store, points, then).commit.txid, Txid(kCommits / 2));
}

TEST(StillScan, TooMuchThatComesMeanwhileIsLaidOverTheSnapshot) {
  SlowStart start;
  start.meanwhile([&] {
    for (int i = 0; i < kCommits; i++) start.application.insert(200'000);
  });
  FollowOptions options = follow_options(start.application);
  options.scan_wal_bytes = 1 << 20;
  RunningFollower follower(start.store, options);
  const Txid last = follower.sync();
  EXPECT_LT(last, Txid(1 + kCommits));
  EXPECT_EQ(start.restored(last), start.application.digest());
  start.application.insert();
  EXPECT_EQ(start.restored(follower.sync()), start.application.digest());
}

// The application's own checkpoint is not kept waiting for the end of a scan. It keeps writers out: nobody
// need have committed since the scan began.
class WaitingCheckpoint : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(AfterACommit, WaitingCheckpoint, ::testing::Bool());

TEST_P(WaitingCheckpoint, EndsTheStandstill) {
  SlowStart start;
  start.store.append_takes = std::chrono::milliseconds(3);
  std::future<int> appended_till_then;
  std::string said;
  start.meanwhile([&] {
    appended_till_then = std::async(std::launch::async, [&] {
      if (GetParam()) start.application.insert();
      said = start.application.run("PRAGMA busy_timeout=60000; PRAGMA wal_checkpoint(TRUNCATE);");
      return start.store.appends.load();
    });
  });
  RunningFollower follower(start.store, follow_options(start.application));
  const Txid last = follower.sync();
  EXPECT_LT(appended_till_then.get(), start.store.appends / 2);
  EXPECT_NE(said.find("0|0|0"), std::string::npos) << said;
  EXPECT_EQ(start.restored(last), start.application.digest());
}

}  // namespace
}  // namespace litewright
