#include "sqlite/rollback_guard.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "base/file_descriptor.h"
#include "base/test_folder.h"
#include "sqlite/shell_process.h"

namespace litewright {
namespace {

using Entry = RollbackGuard::Entry;
namespace fs = std::filesystem;

struct RollbackDatabase {
  RollbackDatabase() {
    application.run("PRAGMA busy_timeout=0;");
    application.run("CREATE TABLE t(x); INSERT INTO t VALUES(randomblob(200000)); INSERT INTO t VALUES(1);");
  }
  // A transaction that has overflowed its cache into the file.
  void begin_and_spill() {
    application.run("PRAGMA cache_size=5; BEGIN; UPDATE t SET x=randomblob(200000);");
  }
  TestFolder folder;
  std::string path = folder.path("a.db");
  ShellProcess application{path};
};

TEST(RollbackGuard, LetsReadersInAndKeepsCommitsOutWhileInside) {
  RollbackDatabase database;
  RollbackGuard guard(database.path);
  ASSERT_EQ(guard.enter(), Entry::kEntered);
  EXPECT_EQ(database.application.run("SELECT count(*) FROM t;"), "2");
  EXPECT_THROW(database.application.run("INSERT INTO t VALUES(2);"), std::runtime_error);
  guard.leave();
  database.application.run("INSERT INTO t VALUES(2);");
  EXPECT_EQ(database.application.run("SELECT count(*) FROM t;"), "3");
}

TEST(RollbackGuard, TellsOfAWriterWhoPreparesAndStaysOutWhileOneWrites) {
  RollbackDatabase database;
  RollbackGuard guard(database.path);
  database.application.run("BEGIN IMMEDIATE; INSERT INTO t VALUES(2);");
  ASSERT_EQ(guard.enter(), Entry::kEntered);
  EXPECT_TRUE(guard.writer_is_near());
  guard.leave();
  database.application.run("COMMIT;");
  database.begin_and_spill();
  EXPECT_EQ(guard.enter(), Entry::kBusy);
  database.application.run("ROLLBACK;");
  EXPECT_EQ(guard.enter(), Entry::kEntered);
  EXPECT_FALSE(guard.writer_is_near());
}

TEST(RollbackGuard, LeavesAHotJournalToTheApplication) {
  RollbackDatabase database;
  database.begin_and_spill();
  database.application.kill();
  const std::string journal = database.path + "-journal";
  ASSERT_GT(fs::file_size(journal), 512u);
  const std::string file_before = read_whole_file(database.path, 1 << 20);
  const std::string journal_before = read_whole_file(journal, 1 << 20);
  {
    RollbackGuard guard(database.path);
    EXPECT_EQ(guard.enter(), Entry::kHotJournal);
    EXPECT_FALSE(guard.inside());
  }
  EXPECT_TRUE(read_whole_file(database.path, 1 << 20) == file_before);
  EXPECT_TRUE(read_whole_file(journal, 1 << 20) == journal_before);
  ShellProcess again(database.path);
  EXPECT_EQ(again.run("SELECT count(*) FROM t;"), "2");  // rolls back
  RollbackGuard guard(database.path);
  EXPECT_EQ(guard.enter(), Entry::kEntered);
}

// What each journal mode leaves behind after a commit, and what is no journal: nothing to wait for.
TEST(RollbackGuard, TakesWhatIsNoHotJournalForNone) {
  RollbackDatabase database;
  for (const char* mode : {"TRUNCATE", "PERSIST", "DELETE"}) {
    database.application.run(std::string("PRAGMA journal_mode=") + mode + "; INSERT INTO t VALUES(3);");
    RollbackGuard guard(database.path);
    EXPECT_EQ(guard.enter(), Entry::kEntered) << mode;
  }
  std::ofstream(database.path + "-journal") << "these bytes are no journal, and longer than a header is";
  RollbackGuard guard(database.path);
  EXPECT_EQ(guard.enter(), Entry::kEntered);
}

TEST(RollbackGuard, AJournalWhoseSuperJournalIsGoneIsCommitted) {
  RollbackDatabase database;
  database.begin_and_spill();
  database.application.kill();
  const std::string super = database.folder.path("super-mj");
  std::string tail(4, '\0');
  std::uint32_t sum = 0;
  for (const char c : super) sum += static_cast<unsigned char>(c);
  tail += super;
  for (const std::uint32_t number : {static_cast<std::uint32_t>(super.size()), sum}) {
    for (int shift = 24; shift >= 0; shift -= 8) tail += static_cast<char>(number >> shift & 0xff);
  }
  tail += "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
  std::ofstream(database.path + "-journal", std::ios::app | std::ios::binary) << tail;
  std::ofstream(super) << "x";
  EXPECT_EQ(RollbackGuard(database.path).enter(), Entry::kHotJournal);
  fs::remove(super);
  EXPECT_EQ(RollbackGuard(database.path).enter(), Entry::kEntered);
}

TEST(RollbackGuard, AWalBesideTheFileIsPartOfTheState) {
  RollbackDatabase database;
  database.application.run("PRAGMA journal_mode=WAL; INSERT INTO t VALUES(4);");
  RollbackGuard guard(database.path);
  EXPECT_EQ(guard.enter(), Entry::kWal);
}

}  // namespace
}  // namespace litewright
