#include "archive/follower.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>

#include "archive/follow_samples.h"
#include "store/faulty_store.h"

namespace litewright {
namespace {

using namespace follow_samples;
using std::chrono::milliseconds;

TEST(Follower, EveryCommitBecomesATxidThatRestoresToItsContent) {
  Application application;
  MemoryStore store;
  RunningFollower follower(store, follow_options(application));
  const Txid base = follower.sync();
  EXPECT_EQ(base, Txid(1));
  std::map<std::uint64_t, std::string> expected = {{base.value, application.digest()}};
  const char* const history[] = {
      "INSERT INTO orders(body) VALUES(randomblob(9000));",
      "INSERT INTO orders(body) VALUES(randomblob(200)); CREATE TABLE extra(a, b UNIQUE);",
      "UPDATE orders SET body=randomblob(5000) WHERE id%2=0;",
      "SAVEPOINT s; DELETE FROM orders; ROLLBACK TO s; INSERT INTO orders(body) VALUES('x');",
      "DELETE FROM orders WHERE id%5=1;",
      "DROP TABLE extra;",
  };
  std::uint64_t txid = base.value;
  for (int round = 0; round < 5; round++) {
    for (const char* sql : history) {
      application.commit(sql);
      expected[++txid] = application.digest();
    }
    application.run("VACUUM;");
    expected[++txid] = application.digest();
  }
  EXPECT_EQ(follower.sync(), Txid(txid));
  for (const auto& [at, digest] : expected)
    ASSERT_EQ(restored_digest(store, application.folder, Txid(at)), digest) << "txid " << at;
}

TEST(Follower, CommitsAreFollowedThroughGatesAndRestartsOfTheWal) {
  for (const char* page_size : {"512", "65536"}) {
    SCOPED_TRACE(page_size);
    Application application("PRAGMA page_size=" + std::string(page_size) + "; PRAGMA synchronous=FULL;");
    MemoryStore store;
    FollowOptions options = follow_options(application);
    options.wal_limit_bytes = 128 << 10;
    RunningFollower follower(store, options);
    const Txid base = follower.sync();
    std::map<std::uint64_t, std::string> expected;
    for (std::uint64_t i = 1; i <= 400; i++) {
      application.insert(2000);
      if (i % 80 == 0) {
        expected[base.value + i] = application.digest();
        EXPECT_EQ(follower.sync(), Txid(base.value + i));
      }
    }
    EXPECT_GE(follower->status().handover.gates, 2u);
    follower.stop();
    for (const auto& [at, digest] : expected)
      EXPECT_EQ(restored_digest(store, application.folder, Txid(at)), digest) << "txid " << at;
  }
}

TEST(Follower, AForeignTruncateLosesNoCommit) {
  Application application;
  MemoryStore store;
  RunningFollower follower(store, follow_options(application));
  const Txid base = follower.sync();
  std::map<std::uint64_t, std::string> expected;
  std::uint64_t txid = base.value;
  const char* const modes[] = {"TRUNCATE", "RESTART", "FULL", "PASSIVE"};
  for (int round = 0; round < 8; round++) {
    for (int i = 0; i < 5; i++) application.insert();
    expected[txid += 5] = application.digest();
    const std::string answer =
        application.run("PRAGMA wal_checkpoint(" + std::string(modes[round % 4]) + ");");
    EXPECT_EQ(answer.substr(0, 2), "0|") << modes[round % 4];
  }
  EXPECT_EQ(follower.sync(), Txid(txid));
  follower.stop();
  for (const auto& [at, digest] : expected)
    EXPECT_EQ(restored_digest(store, application.folder, Txid(at)), digest) << "txid " << at;
}

TEST(Follower, AStoreThatFailsForAWhileLosesNothingAndArchivedNeverRunsAhead) {
  Application application;
  FaultyStore store;
  std::atomic<bool> ahead{false};
  FollowEvents events;
  events.stored = [&](Txid txid, std::uint64_t) {
    const auto newest = Catalogue::load(store).newest();
    if (!newest || newest->txid < txid) ahead = true;
  };
  RunningFollower follower(store, follow_options(application), events);
  const Txid base = follower.sync();
  store.failures_left = 3;
  for (int i = 0; i < 50; i++) {
    application.insert();
    const Txid archived = follower->status().archived;
    const auto newest = Catalogue::load(store).newest();
    ASSERT_TRUE(newest && archived <= newest->txid);
  }
  EXPECT_EQ(follower.sync(), Txid(base.value + 50));
  EXPECT_EQ(store.failures_left, 0);
  EXPECT_NE(follower.warnings().find("the store is away; trying again"), std::string::npos);
  follower.stop();
  EXPECT_FALSE(ahead);
  EXPECT_EQ(restored_digest(store, application.folder, Txid(base.value + 50)), application.digest());
}

// A transaction of minutes ends just when we ask for the gate: writers wait for no capture of it.
TEST(Follower, ALargeCommitThatComesWhileTheGateIsEnteredIsNotCapturedInside) {
  Application application;
  MemoryStore store;
  FollowOptions options = follow_options(application);
  options.wal_limit_bytes = 256 << 10;
  std::atomic<bool> came = false;
  FollowEvents events;
  events.gate = [&](bool inside) {
    if (!inside || came.exchange(true)) return;
    application.commit(
        "INSERT INTO orders(body) WITH n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<300) SELECT "
        "randomblob(100000) FROM n;");
  };
  RunningFollower follower(store, options, events);
  follower.sync();
  application.insert(400'000);
  for (int i = 0; i < 6000 && follower->status().handover.gates < 1; i++)
    std::this_thread::sleep_for(milliseconds(10));
  EXPECT_TRUE(came);
  const Handover::Counters counters = follower->status().handover;
  EXPECT_GE(counters.gates, 1u);         // it is reset all the same
  EXPECT_GE(counters.gates_failed, 1u);  // but not at that moment
  follower.sync();
  EXPECT_EQ(restored_digest(store, application.folder, std::nullopt), application.digest());
}

TEST(Follower, SyncAnswersOnlyWhenTheCommitIsDurable) {
  Application application;
  FaultyStore store;
  RunningFollower follower(store, follow_options(application));
  const Txid base = follower.sync();
  store.hold_puts();
  application.insert();
  try {
    follower->sync(milliseconds(400));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kStoreUnreachable);
  }
  EXPECT_EQ(Catalogue::load(store).newest()->txid, base);
  store.let_puts_go();
  EXPECT_EQ(follower.sync(), Txid(base.value + 1));
  EXPECT_EQ(Catalogue::load(store).newest()->txid, Txid(base.value + 1));
}

TEST(Follower, ASyncAskedWhileFollowingBeginsIsAnsweredSoon) {
  Application application;
  MemoryStore store;
  {
    RunningFollower(store, follow_options(application)).sync();
  }
  const std::string before = application.digest();
  SystemClock clock;
  Follower follower(store, clock, follow_options(application), {});
  Txid answered;
  const SteadyTime began = clock.steady();
  std::thread asker([&] { answered = follower.sync(kPatience); });
  std::thread stopper([&] {
    asker.join();
    follower.stop();
  });
  std::this_thread::sleep_for(milliseconds(50));
  follower.run(Follower::Until::kStopped);
  stopper.join();
  EXPECT_EQ(answered, Txid(1));
  EXPECT_LT(clock.steady() - began, kPatience / 2);
}

TEST(Follower, ATransactionLargerThanTheBatchIsOneSegmentOfSeveralRuns) {
  Application application;
  MemoryStore store;
  RunningFollower follower(store, follow_options(application));
  const Txid base = follower.sync();
  application.commit(
      "INSERT INTO orders(body) WITH n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<200) SELECT "
      "randomblob(100000) FROM n;");
  application.insert();
  EXPECT_EQ(follower.sync(), Txid(base.value + 2));
  follower.stop();
  const Segment large(store, segment_name(base, Txid(base.value + 1)));
  EXPECT_EQ(large.commits().size(), 1u);
  EXPECT_GE(large.runs().size(), 4u);
  EXPECT_EQ(restored_digest(store, application.folder, Txid(base.value + 2)), application.digest());
}

TEST(Follower, StopArchivesWhatIsThere) {
  Application application;
  MemoryStore store;
  RunningFollower follower(store, follow_options(application));
  const Txid base = follower.sync();
  for (int i = 0; i < 20; i++) application.insert();
  follower.stop();
  EXPECT_EQ(Catalogue::load(store).newest()->txid, Txid(base.value + 20));
  EXPECT_EQ(follower->status().archived, Txid(base.value + 20));
  EXPECT_EQ(restored_digest(store, application.folder, std::nullopt), application.digest());
}

TEST(Follower, ABackupOfABusyDatabaseEnds) {
  Application application;
  MemoryStore store;
  ChildProcess writer({"python3", "-c",
                       "import sqlite3,sys\n"
                       "c=sqlite3.connect(sys.argv[1],timeout=30,isolation_level=None)\n"
                       "print('writing',flush=True)\n"
                       "while True: c.execute('UPDATE counter SET n=n+1')\n",
                       application.path});
  writer.read_line();
  SystemClock clock;
  Follower follower(store, clock, follow_options(application), {});
  std::atomic<bool> ended{false}, late{false};
  std::thread watchdog([&] {
    for (int i = 0; i < 200 && follower.status().archived.value == 0; i++)
      std::this_thread::sleep_for(milliseconds(100));
    for (int i = 0; i < 50 && !ended; i++) std::this_thread::sleep_for(milliseconds(100));
    late = !ended;
    follower.stop();
  });
  follower.run(Follower::Until::kArchived);
  ended = true;
  EXPECT_GE(follower.status().archived, Txid(1));
  writer.kill();
  watchdog.join();
  EXPECT_FALSE(late);
}

TEST(Follower, RecoveryThatDropsCapturedFramesBeginsANewEpochAndKeepsTheOldOne) {
  Application application;
  MemoryStore store;
  RunningFollower follower(store, follow_options(application));
  const Txid base = follower.sync();
  application.insert();
  const std::string kept = application.digest();
  application.insert();
  const std::string dropped = application.digest();
  EXPECT_EQ(follower.sync(), Txid(base.value + 2));
  // What a crash between two commits leaves: the last commit's frames are not in the WAL, the index is void.
  ChildProcess crash({"python3", "-c",
                      "import os,sys,struct\n"
                      "shm=os.open(sys.argv[1]+'-shm',os.O_RDWR)\n"
                      "last=struct.unpack('=I',os.pread(shm,4,16))[0]\n"
                      "wal=os.open(sys.argv[1]+'-wal',os.O_RDWR)\n"
                      "os.pwrite(wal,bytes(24),32+(last-1)*(24+4096))\n"
                      "os.pwrite(shm,bytes(96),0)\n"
                      "print('done',flush=True)\n",
                      application.path});
  EXPECT_EQ(crash.read_line(), "done");
  crash.close();
  EXPECT_EQ(application.digest(), kept);
  application.insert();
  const std::string after = application.digest();
  const Txid newest = follower.sync();
  EXPECT_GT(newest, Txid(base.value + 2));
  follower.stop();
  EXPECT_NE(follower.warnings().find("lost frames"), std::string::npos) << follower.warnings();
  EXPECT_EQ(restored_digest(store, application.folder, Txid(base.value + 2)), dropped);
  EXPECT_EQ(restored_digest(store, application.folder, std::nullopt), after);
  const Catalogue catalogue = Catalogue::load(store);
  EXPECT_EQ(catalogue.segments.back().header.epoch, 2u);
}

}  // namespace
}  // namespace litewright
