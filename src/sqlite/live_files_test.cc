#include "sqlite/live_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "base/bytes.h"
#include "base/test_folder.h"
#include "format/wal.h"
#include "format/wal_index.h"
#include "sqlite/shell_process.h"

namespace litewright {
namespace {

struct OpenDatabase {
  OpenDatabase() {
    application.run("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x);");
    ours.query_integer("SELECT count(*) FROM t");
  }
  TestFolder folder;
  ShellProcess application{folder.path("a.db")};
  Connection ours{folder.path("a.db"), {}};
};

TEST(LiveFiles, ShowWhatAnotherProcessCommits) {
  OpenDatabase database;
  const LiveFiles files(database.ours);
  const auto before = read_shared_wal_index(files.index_head());
  ASSERT_TRUE(before);
  const std::uint64_t wal_before = files.wal_bytes();
  database.application.run("INSERT INTO t VALUES(randomblob(20000));");
  const auto after = read_shared_wal_index(files.index_head());
  ASSERT_TRUE(after);
  EXPECT_EQ(after->header.change, before->header.change + 1);
  EXPECT_GT(after->header.max_frame, before->header.max_frame);
  EXPECT_GT(files.wal_bytes(), wal_before);
}

TEST(LiveFiles, GiveTheBytesOfTheWalAndOfTheMainFile) {
  OpenDatabase database;
  const LiveFiles files(database.ours);
  std::vector<std::byte> head(kWalHeaderBytes);
  files.read_wal(0, head);
  EXPECT_EQ(load_be32(head, 0) & 0xfffffffeu, 0x377f0682u);
  std::vector<std::byte> magic(16);
  files.read_main(0, magic);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(magic.data()), 15), "SQLite format 3");
  EXPECT_EQ(files.main_bytes() % 4096, 0u);
}

TEST(LiveFiles, BytesPastTheEndAreZeros) {
  OpenDatabase database;
  const LiveFiles files(database.ours);
  std::vector<std::byte> out(8192, std::byte{0xff});
  files.read_main(files.main_bytes() - 100, out);
  for (std::size_t i = 100; i < out.size(); i++) ASSERT_EQ(out[i], std::byte{0}) << i;
  out.assign(100, std::byte{0xff});
  files.read_wal(files.wal_bytes() + (std::uint64_t{1} << 32), out);
  EXPECT_EQ(out, std::vector<std::byte>(100));
}

TEST(LiveFiles, AnotherFileUnderTheNameIsNoticed) {
  const TestFolder folder;
  const std::string path = folder.path("a.db");
  Connection connection(path, {.mode = OpenMode::kCreate});
  connection.execute("PRAGMA journal_mode=WAL");
  connection.execute("CREATE TABLE t(x)");
  const LiveFiles files(connection);
  EXPECT_FALSE(files.has_moved());
  std::filesystem::rename(path, folder.path("aside.db"));
  EXPECT_TRUE(files.has_moved());
  std::ofstream(path) << "another";
  EXPECT_TRUE(files.has_moved());
}

TEST(LiveFiles, TheCheckpointLockKeepsOthersCheckpointsOut) {
  OpenDatabase database;
  database.application.run("INSERT INTO t VALUES(1);");
  LiveFiles files(database.ours);
  ASSERT_TRUE(files.try_lock_checkpoint());
  database.application.run(".timeout 0");
  EXPECT_EQ(database.application.run("PRAGMA wal_checkpoint(PASSIVE);").substr(0, 2), "1|");
  files.unlock_checkpoint();
  EXPECT_EQ(database.application.run("PRAGMA wal_checkpoint(PASSIVE);").substr(0, 2), "0|");
}

TEST(LiveFiles, ReadingThemDropsNoLockOfOurs) {
  OpenDatabase database;
  database.application.run(".timeout 0");
  database.ours.execute("BEGIN IMMEDIATE");
  {
    const LiveFiles files(database.ours);
    std::vector<std::byte> out(4096);
    files.read_main(0, out);
    files.read_wal(0, out);
  }
  EXPECT_THROW(database.application.run("INSERT INTO t VALUES(1);"), std::runtime_error);
  database.ours.execute("ROLLBACK");
  database.application.run("INSERT INTO t VALUES(1);");
}

}  // namespace
}  // namespace litewright
