#include "archive/frame_capture.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.h"

namespace litewright {
namespace {

// An application's connection, and a capture that begins after what is in the WAL at construction.
struct Captured {
  Captured() {
    application.execute("PRAGMA wal_autocheckpoint=0");
    application.execute("CREATE TABLE t(x)");
    guard.pin();
    const WalIndex index = guard.index();
    capture.start(index, index.header.max_frame, Txid(1), WallTime{});
  }
  void commit(int bytes) {
    Statement insert = application.prepare("INSERT INTO t VALUES(randomblob(?))");
    insert.bind(1, std::int64_t{bytes});
    insert.step();
  }
  FrameCapture::Progress captured(const FrameCapture::Request& request = {}) {
    return capture.capture(guard.index(), batch, request);
  }

  TestFolder folder;
  std::string path = folder.path("a.db");
  Connection application{path, {.mode = OpenMode::kCreate}};
  WalGuard guard = WalGuard((application.execute("PRAGMA journal_mode=WAL"), path));
  Ledger ledger{{.folder = folder.path(""), .page_size = 4096}};
  SystemClock clock;
  FrameCapture capture{guard, ledger, clock, {.page_cache_bytes = 1 << 20, .batch_bytes = 1 << 20}};
  CaptureBatch batch;
};

TEST(FrameCapture, NumbersCommitsAsTheyCome) {
  Captured followed;
  for (int i = 0; i < 5; i++) followed.commit(100);
  EXPECT_EQ(followed.captured(), FrameCapture::Progress::kComplete);
  ASSERT_EQ(followed.batch.commits.size(), 5u);
  EXPECT_EQ(followed.batch.commits.front().txid, Txid(2));
  EXPECT_EQ(followed.batch.commits.back().txid, Txid(6));
}

// A store that takes nothing: the WAL waits, not our memory.
TEST(FrameCapture, AFullBatchGrowsNoFurtherHoweverOftenItIsAsked) {
  Captured followed;
  for (int i = 0; i < 20; i++) followed.commit(1 << 20);
  ASSERT_EQ(followed.captured(), FrameCapture::Progress::kBatchFull);
  const std::size_t full = followed.batch.versions.bytes();
  for (int i = 0; i < 10; i++) EXPECT_EQ(followed.captured(), FrameCapture::Progress::kBatchFull);
  EXPECT_EQ(followed.batch.versions.bytes(), full);
  EXPECT_EQ(followed.captured({.force = true}), FrameCapture::Progress::kBatchFull);
  EXPECT_LT(followed.batch.versions.bytes(), 5u << 20);
}

// As recovery leaves it that dropped captured frames, after commits that reach further than those did.
TEST(FrameCapture, NoticesThatCapturedFramesWereReplaced) {
  Captured followed;
  followed.commit(100);
  ASSERT_EQ(followed.captured(), FrameCapture::Progress::kComplete);
  const FrameNumber position = followed.capture.position();
  {
    std::fstream wal(followed.path + "-wal", std::ios::in | std::ios::out | std::ios::binary);
    wal.seekp(static_cast<std::streamoff>(frame_offset(position, 4096)) + 16);
    wal.write("another!", 8);
  }
  EXPECT_EQ(followed.captured(), FrameCapture::Progress::kComplete);  // nothing new to be wrong about
  followed.commit(100);
  EXPECT_EQ(followed.captured(), FrameCapture::Progress::kLost);
}

}  // namespace
}  // namespace litewright
