#include "archive/frame_capture.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "archive/database_scan.h"
#include "base/test_folder.h"
#include "sqlite/shell_process.h"

namespace litewright {
namespace {

struct Rig {
  explicit Rig(const std::string& page_size = "4096", std::size_t batch_bytes = 64 << 10,
               const std::string& query = "")
      : application("file:" + path + query) {
    application.run(
        "PRAGMA page_size=" + page_size +
        "; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(id INTEGER PRIMARY "
        "KEY, body);");
    guard.emplace(path);
    guard->pin();
    const std::uint32_t size = guard->page_size();
    ledger.emplace(LedgerOptions{.folder = folder.path(""), .page_size = size});
    capture.emplace(*guard, *ledger, clock,
                    FrameCapture::Options{.page_size = size, .batch_bytes = batch_bytes});
    capture->start(guard->index(), FrameNumber(0), Txid(0), WallTime{});
    take();  // CREATE TABLE
    batch.clear();
  }

  FrameCapture::Progress take(const FrameCapture::Request& request = {}) {
    return capture->capture(guard->index(), batch, request);
  }
  void commit(const std::string& sql) { application.run(sql); }
  // The database as SQLite sees it, page by page, summed as the ledger does: the main file after a checkpoint
  // of our own that copied everything back.
  Checksum128 database_sum() {
    EXPECT_TRUE(guard->take_next());
    guard->drop_old();
    const CheckpointOutcome outcome = guard->checkpoint();
    EXPECT_EQ(outcome.copied, outcome.frames);
    Ledger fresh(LedgerOptions{.folder = folder.path(""), .page_size = guard->page_size()});
    std::vector<std::byte> page(guard->page_size());
    const std::uint32_t pages = guard->index().header.page_count;
    for (PageNumber number(1); number.value <= pages; ++number) {
      guard->read_main(std::uint64_t{number.value - 1} * page.size(), page);
      fresh.set(number, page_checksum(number, page));
    }
    return fresh.sum();
  }

  TestFolder folder;
  std::string path = folder.path("a.db");
  ShellProcess application;
  SystemClock clock;
  std::optional<WalGuard> guard;
  std::optional<Ledger> ledger;
  std::optional<FrameCapture> capture;
  CaptureBatch batch;
};

TEST(FrameCapture, EveryCommitGetsATxidOfItsOwn) {
  Rig rig;
  const Txid before = rig.capture->last_txid();
  for (int i = 0; i < 5; i++) rig.commit("INSERT INTO t(body) VALUES(randomblob(6000));");
  EXPECT_EQ(rig.take(), FrameCapture::Progress::kComplete);
  ASSERT_EQ(rig.batch.commits.size(), 5u);
  for (std::uint64_t i = 0; i < 5; i++) EXPECT_EQ(rig.batch.commits[i].txid.value, before.value + 1 + i);
  EXPECT_EQ(std::to_string(rig.batch.commits.back().page_count), rig.application.run("PRAGMA page_count;"));
  EXPECT_FALSE(rig.batch.partial_commit);
  EXPECT_EQ(rig.capture->position(), rig.guard->index().header.max_frame);
}

TEST(FrameCapture, TheLedgerIsTheDatabaseAfterEveryCapture) {
  for (const char* page_size : {"512", "4096", "65536"}) {
    SCOPED_TRACE(page_size);
    Rig rig(page_size, 1 << 30);
    const char* const history[] = {
        ("INSERT INTO t(body) WITH n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<300) SELECT "
         "randomblob(700) FROM n;"),
        "UPDATE t SET body=zeroblob(10) WHERE id%3=0;",
        "DELETE FROM t WHERE id>100;",
        "VACUUM;",
        "CREATE INDEX i ON t(body);",
        "BEGIN; INSERT INTO t(body) VALUES('kept'); SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; COMMIT;",
        "DROP INDEX i;",
    };
    std::size_t commits = 0;
    for (const char* sql : history) {
      rig.commit(sql);
      ASSERT_EQ(rig.take(), FrameCapture::Progress::kComplete);
      ASSERT_EQ(rig.batch.commits.size(), ++commits) << sql;
      ASSERT_EQ(rig.batch.commits.back().checksum, rig.database_sum()) << sql;
    }
  }
}

TEST(FrameCapture, ACommitFrameRepeatedBySectorPaddingCountsOnce) {
  Rig rig("512", 64 << 10, "?psow=0");
  rig.commit("PRAGMA synchronous=FULL;");
  const FrameNumber before = rig.capture->position();
  const Txid last = rig.capture->last_txid();
  for (int i = 0; i < 20; i++) rig.commit("INSERT INTO t(body) VALUES('" + std::to_string(i) + "');");
  rig.take();
  // Each commit changes one page, or two; padding makes it several frames (FACTS 10).
  EXPECT_GT(rig.capture->position().value - before.value, 20u * 4);
  EXPECT_EQ(rig.batch.commits.size(), 20u);
  EXPECT_EQ(rig.capture->last_txid().value, last.value + 20);
  EXPECT_EQ(rig.batch.commits.back().checksum, rig.database_sum());
}

TEST(FrameCapture, ATransactionLargerThanTheBatchComesInPieces) {
  Rig rig("4096", 1 << 20);
  rig.commit(
      "INSERT INTO t(body) WITH n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<60) SELECT "
      "randomblob(100000) FROM n;");
  int pieces = 0;
  std::size_t commits = 0;
  while (rig.take() == FrameCapture::Progress::kBatchFull) {
    pieces++;
    ASSERT_LE(pieces, 10);
    EXPECT_LE(rig.batch.versions.bytes(), (1u << 20) + (2u << 20));
    EXPECT_EQ(rig.batch.partial_commit, rig.batch.commits.empty());
    commits += rig.batch.commits.size();
    rig.batch.clear();
  }
  EXPECT_GE(pieces, 4);
  EXPECT_EQ(commits + rig.batch.commits.size(), 1u);
  EXPECT_FALSE(rig.batch.partial_commit);
}

TEST(FrameCapture, ForcedItTakesThreeBatchesAtOnce) {
  Rig rig("4096", 2 << 20);
  rig.commit("INSERT INTO t(body) VALUES(randomblob(5000000));");
  EXPECT_EQ(rig.take({.force = true}), FrameCapture::Progress::kComplete);
  EXPECT_EQ(rig.batch.commits.size(), 1u);
}

// A store that takes nothing: the WAL waits, not our memory.
TEST(FrameCapture, AFullBatchGrowsNoFurtherHoweverOftenItIsAsked) {
  Rig rig("4096", 1 << 20);
  for (int i = 0; i < 20; i++) rig.commit("INSERT INTO t(body) VALUES(randomblob(1048576));");
  ASSERT_EQ(rig.take(), FrameCapture::Progress::kBatchFull);
  const std::size_t full = rig.batch.versions.bytes();
  for (int i = 0; i < 10; i++) EXPECT_EQ(rig.take(), FrameCapture::Progress::kBatchFull);
  EXPECT_EQ(rig.batch.versions.bytes(), full);
  EXPECT_EQ(rig.take({.force = true}), FrameCapture::Progress::kBatchFull);
  EXPECT_LT(rig.batch.versions.bytes(), 5u << 20);
}

TEST(FrameCapture, CanStopBehindTheFirstCommit) {
  Rig rig;
  for (int i = 0; i < 3; i++) rig.commit("INSERT INTO t(body) VALUES(1);");
  EXPECT_EQ(rig.take({.stop_after_commit = true}), FrameCapture::Progress::kBatchFull);
  EXPECT_EQ(rig.batch.commits.size(), 1u);
  EXPECT_EQ(rig.take({}), FrameCapture::Progress::kComplete);
  EXPECT_EQ(rig.batch.commits.size(), 3u);
}

TEST(FrameCapture, ASmallChangeOfAKnownPageIsADifference) {
  Rig rig;
  rig.commit("INSERT INTO t(body) VALUES(randomblob(3000));");
  rig.take();
  rig.batch.clear();
  const FrameCapture::Counters before = rig.capture->counters();
  rig.commit("UPDATE t SET body=CAST(substr(body,1,2999)||'x' AS BLOB) WHERE id=1;");
  rig.take();
  EXPECT_GE(rig.capture->counters().deltas, before.deltas + 1);
  EXPECT_EQ(rig.capture->counters().whole, before.whole);
  EXPECT_LT(rig.batch.versions.bytes(), 1000u);
}

TEST(FrameCapture, ANewGenerationIsReadFromItsFirstFrame) {
  Rig rig;
  rig.commit("INSERT INTO t(body) VALUES(randomblob(9000));");
  rig.take();
  rig.batch.clear();
  const std::uint64_t generation = rig.capture->generation();
  // All copied back under our pin on READ(0): the next writer restarts the WAL.
  ASSERT_EQ(rig.database_sum(), rig.ledger->sum());
  ASSERT_TRUE(rig.guard->take_next());
  rig.guard->drop_old();
  rig.commit("INSERT INTO t(body) VALUES(2);");
  EXPECT_FALSE(rig.capture->same_generation(rig.guard->index()));
  EXPECT_EQ(rig.take(), FrameCapture::Progress::kComplete);
  EXPECT_EQ(rig.capture->generation(), generation + 1);
  EXPECT_EQ(rig.batch.commits.size(), 1u);
  EXPECT_EQ(rig.capture->position(), rig.guard->index().header.max_frame);
  EXPECT_EQ(rig.batch.commits.back().checksum, rig.database_sum());
}

TEST(FrameCapture, AWalShorterThanWhatWasCapturedIsLost) {
  Rig rig;
  rig.commit("INSERT INTO t(body) VALUES(1);");
  rig.take();
  WalIndex shorter = rig.guard->index();
  shorter.header.max_frame.value--;
  EXPECT_EQ(rig.capture->capture(shorter, rig.batch, {}), FrameCapture::Progress::kLost);
}

// As recovery leaves it that dropped captured frames, after commits that reach further than those did.
TEST(FrameCapture, NoticesThatCapturedFramesWereReplaced) {
  Rig rig;
  rig.commit("INSERT INTO t(body) VALUES(randomblob(100));");
  ASSERT_EQ(rig.take(), FrameCapture::Progress::kComplete);
  ASSERT_EQ(rig.batch.commits.size(), 1u);
  // In a process of its own: ours has the database open (FACTS 7).
  const std::uint64_t checksum_at = frame_offset(rig.capture->position(), 4096) + 16;
  const std::string command = "printf 'another!' | dd of='" + rig.path +
                              "-wal' bs=1 conv=notrunc status=none seek=" + std::to_string(checksum_at);
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(rig.take(), FrameCapture::Progress::kComplete);  // nothing new to be wrong about
  rig.commit("INSERT INTO t(body) VALUES(randomblob(100));");
  EXPECT_EQ(rig.take(), FrameCapture::Progress::kLost);
}

TEST(FrameCapture, TheHashOfACommitIsFoundAgainInTheWal) {
  Rig rig;
  rig.commit("INSERT INTO t(body) VALUES(randomblob(20000));");
  rig.take();
  const WalPosition position = rig.capture->commit_position();
  EXPECT_EQ(position.frame, rig.guard->index().header.max_frame);
  EXPECT_EQ(FrameCapture::commit_hash_at(*rig.guard, 4096, position.frame), position.commit_hash);
  EXPECT_NE(FrameCapture::commit_hash_at(*rig.guard, 4096, FrameNumber(position.frame.value - 1)),
            position.commit_hash);
  EXPECT_EQ(FrameCapture::commit_hash_at(*rig.guard, 4096, FrameNumber(100000)), std::nullopt);
}

TEST(FrameCapture, CollectingMakesOneCommitOfWhatIsScannedAndCaptured) {
  Rig rig("4096", 1 << 30);
  rig.commit("INSERT INTO t(body) VALUES(randomblob(300000));");
  rig.take();
  rig.batch.clear();
  ASSERT_EQ(rig.database_sum(), rig.ledger->sum());
  // As after a gap: a ledger that knows nothing, frames from here on.
  Ledger ledger(LedgerOptions{.folder = rig.folder.path(""), .page_size = 4096});
  FrameCapture capture(*rig.guard, ledger, rig.clock, {.page_size = 4096, .batch_bytes = 1 << 30});
  const WalIndex start = rig.guard->index();
  capture.start(start, start.backfilled, Txid(41), WallTime{});
  capture.begin_collecting();
  DatabaseScan scan(*rig.guard, ledger, &capture, 4096);
  rig.commit("UPDATE t SET body=randomblob(300000);");
  EXPECT_EQ(capture.capture(rig.guard->index(), rig.batch, {}), FrameCapture::Progress::kComplete);
  EXPECT_TRUE(capture.was_collected(PageNumber(3)));
  while (scan.step(Txid(42), rig.batch)) {
  }
  EXPECT_EQ(scan.pages_done(), rig.guard->main_bytes() / 4096);
  EXPECT_LT(scan.pages_changed(), 60u);  // what was captured meanwhile is not copied again
  EXPECT_TRUE(rig.batch.commits.empty());
  capture.end_collecting(rig.guard->index().header.page_count, rig.clock.wall(), WallTime{}, rig.batch);
  ASSERT_EQ(rig.batch.commits.size(), 1u);
  EXPECT_EQ(rig.batch.commits[0].txid, Txid(42));
  EXPECT_TRUE(rig.batch.commits[0].reconciled);
  EXPECT_EQ(rig.batch.commits[0].checksum, rig.database_sum());
}

TEST(DatabaseScan, FindsOnlyPagesThatDifferFromTheLedger) {
  Rig rig("4096", 1 << 30);
  rig.commit("INSERT INTO t(body) VALUES(randomblob(200000));");
  rig.take();
  ASSERT_EQ(rig.database_sum(), rig.ledger->sum());
  rig.batch.clear();
  rig.ledger->set(PageNumber(5), Checksum128{});
  rig.ledger->set(PageNumber(9), Checksum128{});
  DatabaseScan scan(*rig.guard, *rig.ledger, &*rig.capture, 4096);
  while (scan.step(Txid(9), rig.batch)) {
  }
  EXPECT_EQ(scan.pages_changed(), 2u);
  EXPECT_EQ(rig.ledger->sum(), rig.database_sum());
}

}  // namespace
}  // namespace litewright
