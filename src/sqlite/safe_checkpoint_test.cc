#include "sqlite/safe_checkpoint.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <functional>
#include <optional>

#include "base/test_folder.h"
#include "sqlite/shell_process.h"

namespace litewright {
namespace {

using Try = SafeCheckpoint::Try;

// The moment of FACTS 13: a checkpoint has the CKPT lock and has read the index, and has not yet looked at
// nBackfill. SQLite tells the VFS between the two (xUnfetch).
std::function<void()> at_that_moment;
bool holds_ckpt = false;
const sqlite3_io_methods* real = nullptr;
sqlite3_io_methods watched;

int watched_lock(sqlite3_file* file, int offset, int count, int flags) {
  const int code = real->xShmLock(file, offset, count, flags);
  if (offset == 1 && code == SQLITE_OK) holds_ckpt = (flags & SQLITE_SHM_LOCK) != 0;
  return code;
}

int watched_unfetch(sqlite3_file* file, sqlite3_int64 offset, void* page) {
  if (holds_ckpt && page == nullptr && at_that_moment) std::exchange(at_that_moment, nullptr)();
  return real->xUnfetch(file, offset, page);
}

class WatchedVfs {
 public:
  WatchedVfs() : vfs_(*sqlite3_vfs_find("unix")) {
    vfs_.zName = "watched";
    vfs_.xOpen = [](sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
      sqlite3_vfs* unix_vfs = sqlite3_vfs_find("unix");
      const int code = unix_vfs->xOpen(unix_vfs, name, file, flags, out);
      if (code != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0) return code;
      real = file->pMethods;
      watched = *real;
      watched.xShmLock = watched_lock;
      watched.xUnfetch = watched_unfetch;
      file->pMethods = &watched;
      return code;
    };
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~WatchedVfs() {
    sqlite3_vfs_unregister(&vfs_);
    at_that_moment = nullptr;
  }
  WatchedVfs(WatchedVfs&&) = delete;
  WatchedVfs& operator=(WatchedVfs&&) = delete;

 private:
  sqlite3_vfs vfs_;
};

class SafeCheckpointTest : public testing::Test {
 protected:
  SafeCheckpointTest() {
    application_.run("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x);");
    commit(20);
  }
  void commit(int times) {
    for (int i = 0; i < times; i++) application_.run("INSERT INTO t VALUES(randomblob(3000));");
  }
  TestFolder folder_;
  SystemClock clock_;
  std::string path_ = folder_.path("a.db");
  ShellProcess application_{path_};
};

TEST_F(SafeCheckpointTest, EachKindDoesWhatItsNameSays) {
  SafeCheckpoint ours(path_, clock_);
  ASSERT_GT(ours.state().frames, 20U);
  EXPECT_EQ(ours.passive(), Try::kDone);
  EXPECT_TRUE(ours.state().is_whole());
  commit(3);
  EXPECT_FALSE(ours.state().is_whole());
  EXPECT_EQ(ours.full(), Try::kDone);
  EXPECT_TRUE(ours.state().is_whole());
  commit(8);
  const std::uint32_t before = ours.state().frames;
  EXPECT_EQ(ours.restart(), Try::kDone);
  commit(1);
  EXPECT_LT(ours.state().frames, before);
  EXPECT_GT(ours.state().bytes, 0U);
  EXPECT_EQ(ours.truncate(), Try::kDone);
  EXPECT_EQ(ours.state().bytes, 0U);
  EXPECT_EQ(application_.run("SELECT count(*) FROM t; PRAGMA integrity_check;"), "32\nok");
}

TEST_F(SafeCheckpointTest, SaysWhetherAReaderOrAWriterIsInTheWay) {
  SafeCheckpoint ours(path_, clock_);
  ShellProcess other(path_);
  other.run("BEGIN; SELECT count(*) FROM t;");
  commit(5);
  for (const auto kind : {&SafeCheckpoint::passive, &SafeCheckpoint::full, &SafeCheckpoint::restart,
                          &SafeCheckpoint::truncate}) {
    EXPECT_EQ((ours.*kind)(), Try::kReaderBefore);
  }
  EXPECT_LT(ours.longest_writers_out(), std::chrono::seconds(5));
  other.run("COMMIT; BEGIN IMMEDIATE;");
  EXPECT_EQ(ours.full(), Try::kLockHeld);
  EXPECT_EQ(ours.truncate(), Try::kLockHeld);
  EXPECT_EQ(ours.passive(), Try::kDone);
  other.run("COMMIT;");
  EXPECT_EQ(ours.truncate(), Try::kDone);
}

// A writer that has the write lock and finds all copied back: SQLite's TRUNCATE goes on as PASSIVE with the
// index as it was before the restart.
struct Race {
  Race(ShellProcess& writer, const std::string& path) {
    writer.run("INSERT INTO t VALUES(1); PRAGMA wal_checkpoint(PASSIVE); BEGIN IMMEDIATE;");
    at_that_moment = [this, &writer] {
      writer.run("INSERT INTO t VALUES(2); COMMIT;");
      came = true;
    };
    path_ = path;
  }
  // Of the WAL that was begun anew by that commit, frames that count as copied back though nobody did.
  std::uint32_t too_many() const {
    const SystemClock clock;
    SafeCheckpoint look(path_, clock);
    Connection connection(path_, {});
    connection.query_integer("PRAGMA schema_version");
    const LiveFiles files(connection);
    const auto index = read_shared_wal_index(files.index_head());
    const std::uint32_t frames = index->header.max_frame.value;
    return index->backfilled.value - std::min(index->backfilled.value, frames);
  }
  bool came = false;
  std::string path_;
};

TEST_F(SafeCheckpointTest, ControlSqlitesOwnTruncateMeetsTheWalResetDefect) {
  if (sqlite3_libversion_number() >= 3051003) GTEST_SKIP() << "mended in this SQLite";
  const WatchedVfs vfs;
  Connection raw(path_, {.busy_timeout = std::chrono::milliseconds(0)});
  raw.query_integer("SELECT count(*) FROM t");
  Race race(application_, path_);
  raw.try_execute("PRAGMA wal_checkpoint(TRUNCATE)");
  ASSERT_TRUE(race.came);
  EXPECT_GT(race.too_many(), 0U);
}

TEST_F(SafeCheckpointTest, TheWalResetDefectIsNotMet) {
  const WatchedVfs vfs;
  SafeCheckpoint ours(path_, clock_);
  Race race(application_, path_);
  EXPECT_EQ(ours.truncate(), Try::kLockHeld);
  EXPECT_TRUE(race.came);
  EXPECT_EQ(race.too_many(), 0U);
  EXPECT_EQ(ours.truncate(), Try::kDone);
  application_.close();
  EXPECT_EQ(ShellProcess(path_).run("SELECT count(*) FROM t; PRAGMA integrity_check;"), "22\nok");
}

TEST_F(SafeCheckpointTest, ADatabaseWithoutAWalIsRefused) {
  const std::string plain = folder_.path("plain.db");
  {
    Connection(plain, {.mode = OpenMode::kCreate}).execute("CREATE TABLE t(x)");
  }
  try {
    SafeCheckpoint ours(plain, clock_);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace litewright
