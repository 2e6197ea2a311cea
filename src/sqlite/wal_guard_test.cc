#include "sqlite/wal_guard.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.h"
#include "sqlite/shell_process.h"

namespace litewright {
namespace {

struct GuardedDatabase {
  GuardedDatabase() {
    application.run("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x);");
    application.run("INSERT INTO t VALUES(0);");
  }
  void commit() { application.run("INSERT INTO t VALUES(randomblob(3000));"); }
  std::string checkpoint(const std::string& mode) {
    return application.run("PRAGMA wal_checkpoint(" + mode + ");");
  }
  TestFolder folder;
  std::string path = folder.path("a.db");
  ShellProcess application{path};
};

TEST(WalGuard, RefusesADatabaseThatHasNoWalAndSaysHowToGetOne) {
  const TestFolder folder;
  {
    Connection(folder.path("a.db"), {.mode = OpenMode::kCreate}).execute("CREATE TABLE t(x)");
  }
  try {
    WalGuard guard(folder.path("a.db"));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_NE(error.hint().find("PRAGMA journal_mode=WAL"), std::string::npos);
  }
}

TEST(WalGuard, ASchemaThatThisSqliteCannotParseIsNoObstacle) {
  GuardedDatabase database;
  database.application.run(
      "PRAGMA writable_schema=ON; INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql) VALUES('view', "
      "'v', 'v', 0, 'CREATE VIEW v AS SELECT a ?->? b FROM t');");
  Connection unaware(database.path, {});
  EXPECT_THROW(unaware.query_integer("SELECT count(*) FROM t"), Error);
  WalGuard guard(database.path);
  guard.pin();
  EXPECT_EQ(guard.page_size(), 4096u);
  EXPECT_TRUE(guard.enter_gate([] {}));
}

TEST(WalGuard, APinKeepsTheWalFromBeingRestarted) {
  GuardedDatabase database;
  WalGuard guard(database.path);
  guard.pin();
  const WalIndex before = guard.index();
  database.commit();
  database.checkpoint("PASSIVE");
  database.commit();
  const WalIndex after = guard.index();
  EXPECT_EQ(after.header.salt[0], before.header.salt[0]);
  EXPECT_EQ(after.header.salt[1], before.header.salt[1]);
  EXPECT_GT(after.header.max_frame, before.header.max_frame);
  // Copied back only up to the pin's mark.
  EXPECT_LE(after.backfilled, before.header.max_frame);
}

TEST(WalGuard, HandingOverMovesTheMarkOn) {
  GuardedDatabase database;
  WalGuard guard(database.path);
  guard.pin();
  database.commit();
  const FrameNumber committed = guard.index().header.max_frame;
  ASSERT_TRUE(guard.take_next());
  EXPECT_FALSE(guard.checkpoint().busy);
  EXPECT_LT(guard.index().backfilled, committed);  // the old pin still stands
  guard.drop_old();
  const CheckpointOutcome outcome = guard.checkpoint();
  EXPECT_FALSE(outcome.busy);
  EXPECT_EQ(outcome.frames, committed.value);
  EXPECT_EQ(outcome.copied, committed.value);
  EXPECT_EQ(guard.index().backfilled, committed);
}

TEST(WalGuard, DroppingTheNextPinKeepsTheOld) {
  GuardedDatabase database;
  WalGuard guard(database.path);
  guard.pin();
  const FrameNumber mark = guard.index().header.max_frame;
  database.commit();
  ASSERT_TRUE(guard.take_next());
  guard.drop_next();
  guard.checkpoint();
  EXPECT_LE(guard.index().backfilled, mark);
}

TEST(WalGuard, TheGateKeepsWritersOutAndWritesNothing) {
  GuardedDatabase database;
  WalGuard guard(database.path);
  guard.pin();
  const WalIndex before = guard.index();
  ASSERT_TRUE(guard.enter_gate([] {}));
  database.application.run(".timeout 0");
  EXPECT_THROW(database.commit(), std::runtime_error);
  guard.leave_gate();
  EXPECT_EQ(guard.index().header.change, before.header.change);
  database.commit();
  EXPECT_EQ(guard.index().header.change, before.header.change + 1);
}

TEST(WalGuard, CapturesGoOnWhileTheGateIsWaitedForAndTheWaitIsBounded) {
  GuardedDatabase database;
  WalGuard guard(database.path);
  guard.pin();
  database.application.run("BEGIN IMMEDIATE;");
  int meanwhile = 0;
  EXPECT_FALSE(guard.enter_gate([&] { meanwhile++; }));
  EXPECT_GE(meanwhile, 10);
  database.application.run("COMMIT;");
  EXPECT_TRUE(guard.enter_gate([] {}));
}

TEST(WalGuard, WhatFailsWhileTheGateIsWaitedForEndsTheWaitAndLeavesTheGuardUsable) {
  GuardedDatabase database;
  WalGuard guard(database.path);
  guard.pin();
  database.application.run("BEGIN IMMEDIATE;");
  EXPECT_THROW(guard.enter_gate([] { throw Error(ErrorCode::kIo, "no capture"); }), Error);
  database.application.run("COMMIT;");
  EXPECT_TRUE(guard.enter_gate([] {}));
  guard.leave_gate();
  guard.close();
  database.commit();
  EXPECT_EQ(database.checkpoint("TRUNCATE"), "0|0|0");  // no lock of ours stayed behind
}

TEST(WalGuard, WithTheCheckpointLockNobodyElseCheckpoints) {
  GuardedDatabase database;
  WalGuard guard(database.path);
  guard.pin();
  database.application.run(".timeout 0");
  ASSERT_TRUE(guard.lock_checkpoint());
  EXPECT_TRUE(guard.checkpoint_locked());
  EXPECT_EQ(database.checkpoint("PASSIVE").substr(0, 2), "1|");
  // A checkpoint of our own takes the lock over and lets it go.
  EXPECT_FALSE(guard.checkpoint().busy);
  EXPECT_FALSE(guard.checkpoint_locked());
  EXPECT_EQ(database.checkpoint("PASSIVE").substr(0, 2), "0|");
}

TEST(WalGuard, NamesTheProcessThatHoldsTheWriteLock) {
  GuardedDatabase database;
  WalGuard guard(database.path);
  guard.pin();
  EXPECT_EQ(guard.lock_holders().writer, 0);
  database.application.run("BEGIN IMMEDIATE;");
  EXPECT_EQ(guard.lock_holders().writer, database.application.pid());
  EXPECT_EQ(guard.lock_holders().checkpointer, 0);
  database.application.run("COMMIT;");
  ASSERT_TRUE(guard.enter_gate([] {}));
  EXPECT_EQ(guard.lock_holders().writer, 0);  // our own locks are not shown
}

TEST(WalGuard, ATornIndexIsMendedByAReadOfOurOwn) {
  GuardedDatabase database;
  WalGuard guard(database.path);
  guard.pin();
  const FrameNumber before = guard.index().header.max_frame;
  // Another process' store of the header, cut off in the middle.
  ChildProcess tear({"python3", "-c",
                     "import os,sys\n"
                     "f=os.open(sys.argv[1],os.O_RDWR)\n"
                     "os.pwrite(f,b'\\x01\\x02\\x03\\x04',56)\n"
                     "print('torn',flush=True)\n",
                     database.path + "-shm"});
  EXPECT_EQ(tear.read_line(), "torn");
  tear.close();
  EXPECT_EQ(guard.index().header.max_frame, before);
  database.commit();
  EXPECT_GT(guard.index().header.max_frame, before);
}

TEST(WalGuard, ClosingLeavesTheGateAndLetsTheApplicationGoOn) {
  GuardedDatabase database;
  {
    WalGuard guard(database.path);
    guard.pin();
    ASSERT_TRUE(guard.enter_gate([] {}));
    ASSERT_TRUE(guard.lock_checkpoint());
    guard.close();
  }
  database.application.run(".timeout 0");
  database.commit();
  EXPECT_EQ(database.checkpoint("TRUNCATE"), "0|0|0");
}

TEST(WalGuard, TheLastToCloseCheckpointsAndDeletesTheWal) {
  GuardedDatabase database;
  WalGuard guard(database.path);
  guard.pin();
  database.commit();
  database.application.close();
  EXPECT_TRUE(std::filesystem::exists(database.path + "-wal"));
  guard.close();
  EXPECT_FALSE(std::filesystem::exists(database.path + "-wal"));
  Connection after(database.path, {});
  EXPECT_EQ(after.query_integer("SELECT count(*) FROM t"), 2);
}

TEST(WalGuard, ADatabaseThatAnotherHoldsExclusivelyIsLocked) {
  GuardedDatabase database;
  database.application.close();
  ShellProcess exclusive(database.path);
  exclusive.run("PRAGMA locking_mode=EXCLUSIVE; INSERT INTO t VALUES(1);");
  try {
    WalGuard guard(database.path);
    guard.pin();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLocked) << error.what();
  }
}

}  // namespace
}  // namespace litewright
