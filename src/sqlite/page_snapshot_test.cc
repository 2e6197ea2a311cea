#include "sqlite/page_snapshot.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/bytes.h"
#include "base/error.h"
#include "base/test_folder.h"
#include "sqlite/shell_process.h"

namespace litewright {
namespace {

const SystemClock kClock;

std::string all_pages(PageSnapshot& snapshot, std::size_t pages_at_once = 7) {
  std::string all;
  std::vector<std::byte> buffer(pages_at_once * snapshot.page_size());
  for (std::uint32_t page = 1; page <= snapshot.page_count();) {
    const std::size_t count = std::min<std::size_t>(pages_at_once, snapshot.page_count() - page + 1);
    const MutableBytes piece = MutableBytes(buffer).first(count * snapshot.page_size());
    snapshot.read(PageNumber(page), piece);
    all += text_of(piece);
    page += static_cast<std::uint32_t>(count);
  }
  return all;
}

// What a file of these pages answers.
std::string ask(const TestFolder& folder, const std::string& pages, const std::string& sql) {
  const std::string path = folder.path("pages.db");
  std::ofstream(path, std::ios::binary) << pages;
  Connection connection(path, ConnectionOptions{.mode = OpenMode::kImmutable});
  EXPECT_EQ(connection.query_text("PRAGMA integrity_check"), "ok");
  return connection.query_text(sql);
}

constexpr const char* kDigest = "SELECT count(*) || ':' || sum(a) || ':' || total(length(b)) FROM t;";
constexpr const char* kFill =
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
    "SELECT "
    "i+1 FROM n WHERE i<600) SELECT i, randomblob(i % 900) FROM n;";

TEST(PageSnapshot, gives_the_moment_whatever_is_written_and_checkpointed_meanwhile) {
  for (const char* page_size : {"512", "4096", "65536"}) {
    const TestFolder folder;
    ShellProcess shell(folder.path("app.db"));
    shell.run(std::string("PRAGMA page_size=") + page_size + "; PRAGMA journal_mode=WAL;" + kFill);
    shell.run("UPDATE t SET b=randomblob(300) WHERE a % 3 = 0;");
    const std::string then = shell.run(kDigest);
    PageSnapshot snapshot(folder.path("app.db"), kClock);
    EXPECT_TRUE(snapshot.wal());
    shell.run("DELETE FROM t WHERE a % 2; UPDATE t SET b=zeroblob(999);");
    shell.run(
        "PRAGMA wal_checkpoint(PASSIVE); INSERT INTO t(b) SELECT randomblob(800) FROM t; PRAGMA "
        "wal_checkpoint(PASSIVE);");
    EXPECT_EQ(ask(folder, all_pages(snapshot), kDigest), then) << page_size;
    EXPECT_GT(snapshot.hold().pinned_bytes, 50'000u);
    EXPECT_GT(snapshot.release().pinned_bytes, 50'000u);
    EXPECT_EQ(shell.run("PRAGMA wal_checkpoint(TRUNCATE);"), "0|0|0") << "a mark is still held";
  }
}

TEST(PageSnapshot, of_a_WAL_that_was_copied_back_stays_when_the_WAL_begins_anew) {
  const TestFolder folder;
  ShellProcess shell(folder.path("app.db"));
  shell.run(std::string("PRAGMA journal_mode=WAL;") + kFill);
  const std::string then = shell.run(kDigest);
  EXPECT_EQ(shell.run("PRAGMA wal_checkpoint(PASSIVE);").substr(0, 2), "0|");
  PageSnapshot snapshot(folder.path("app.db"), kClock);
  EXPECT_EQ(snapshot.hold().pinned_bytes, 0u);
  shell.run("DELETE FROM t WHERE a > 5;");  // restarts the WAL: its first frames are other pages now
  EXPECT_GT(snapshot.hold().pinned_bytes, 0u);
  EXPECT_EQ(ask(folder, all_pages(snapshot), kDigest), then);
}

TEST(PageSnapshot, in_rollback_mode_holds_SHARED_and_lets_it_go) {
  const TestFolder folder;
  ShellProcess shell(folder.path("app.db"));
  shell.run(kFill);
  const std::string then = shell.run(kDigest);
  PageSnapshot snapshot(folder.path("app.db"), kClock);
  EXPECT_FALSE(snapshot.wal());
  shell.run(".timeout 0");
  EXPECT_THROW(shell.run("DELETE FROM t;"), std::runtime_error) << "SHARED is not held";
  EXPECT_EQ(ask(folder, all_pages(snapshot), kDigest), then);
  EXPECT_EQ(snapshot.release().pinned_bytes, 0u);
  shell.run("DELETE FROM t;");
}

TEST(PageSnapshot, leaves_no_files_beside_an_idle_database_and_takes_none_away) {
  const TestFolder folder;
  ShellProcess maker(folder.path("app.db"));
  maker.run(std::string("PRAGMA journal_mode=WAL;") + kFill);
  maker.close();
  PageSnapshot(folder.path("app.db"), kClock).release();
  EXPECT_FALSE(std::filesystem::exists(folder.path("app.db-wal")));
  EXPECT_FALSE(std::filesystem::exists(folder.path("app.db-shm")));
  ShellProcess shell(folder.path("app.db"));
  shell.run("INSERT INTO t(b) VALUES(1);");
  shell.kill();
  const auto wal = std::filesystem::file_size(folder.path("app.db-wal"));
  PageSnapshot snapshot(folder.path("app.db"), kClock);
  EXPECT_EQ(ask(folder, all_pages(snapshot), "SELECT count(*) FROM t"), "601");
  snapshot.release();
  EXPECT_EQ(std::filesystem::file_size(folder.path("app.db-wal")), wal) << "what a crash left was touched";
}

// A mark taken now would keep the WAL from beginning anew for as long as it is held.
TEST(PageSnapshot, with_patience_waits_until_the_wal_is_short) {
  const TestFolder folder;
  ShellProcess shell(folder.path("app.db"));
  shell.run("PRAGMA page_size=512; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;");
  shell.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t(b) VALUES(zeroblob(2000000));");
  const auto long_wal = std::filesystem::file_size(folder.path("app.db-wal"));
  std::thread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(40));
    shell.run("PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t(b) VALUES(2);");
  });
  PageSnapshot snapshot(folder.path("app.db"), kClock, std::chrono::seconds(20));
  const std::string count = ask(folder, all_pages(snapshot), "SELECT count(*) FROM t");
  writer.join();
  EXPECT_EQ(count, "2");
  EXPECT_LT(std::filesystem::file_size(folder.path("app.db-wal")), long_wal / 10);
}

TEST(PageSnapshot, is_had_after_the_patience_where_nothing_changes) {
  const TestFolder folder;
  ShellProcess shell(folder.path("app.db"));
  shell.run(std::string("PRAGMA journal_mode=WAL;") + kFill + "PRAGMA wal_checkpoint(PASSIVE);");
  PageSnapshot snapshot(folder.path("app.db"), kClock, std::chrono::milliseconds(20));
  EXPECT_EQ(ask(folder, all_pages(snapshot), "SELECT count(*) FROM t"), "600");
}

TEST(PageSnapshot, of_an_empty_file_has_no_pages) {
  const TestFolder folder;
  std::ofstream(folder.path("empty.db")).close();
  PageSnapshot snapshot(folder.path("empty.db"), kClock);
  EXPECT_EQ(snapshot.page_count(), 0u);
}

TEST(PageSnapshot, refuses_what_is_no_database) {
  const TestFolder folder;
  std::ofstream(folder.path("x.db")) << std::string(9000, 'x');
  EXPECT_THROW(PageSnapshot(folder.path("x.db"), kClock), Error);
  EXPECT_THROW(PageSnapshot(folder.path("missing.db"), kClock), Error);
}

}  // namespace
}  // namespace litewright
