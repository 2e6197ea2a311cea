#include "operate/restore_database.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "archive/archiver.h"
#include "archive/compaction.h"
#include "base/process_table_linux.h"
#include "base/test_folder.h"
#include "sqlite/shell_process.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Two points: tx 1 with one row, tx 2 with none (the accident).
struct ArchivedDatabase {
  ArchivedDatabase() {
    ShellProcess shell(path);
    shell.run("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES(42);");
    backup();
    shell.run("DELETE FROM t;");
    backup();
    shell.close();
  }
  void backup() {
    FollowOptions follow;
    follow.database = path;
    follow.state_folder = folder.path("");
    Archiver(store, clock, {.follow = follow}, {}).backup(std::nullopt);
  }
  RestoreReport restore(RestoreRequest request) { return restore_database(store, processes, clock, request); }
  RestoreRequest in_place(std::uint64_t txid) const {
    RestoreRequest request;
    request.target = path;
    request.point.tx = Txid(txid);
    request.in_place = true;
    return request;
  }
  RestoreRequest to(const std::string& target, std::uint64_t txid) const {
    RestoreRequest request = in_place(txid);
    request.target = target;
    request.in_place = false;
    return request;
  }
  // Every name in the folder with its content: "the target is as it was".
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::directory_iterator(folder.path(""))) {
      if (entry.is_regular_file()) found[entry.path().filename()] = content(entry.path());
    }
    return found;
  }
  static std::int64_t rows(const std::string& file) {
    return *Connection(file, {.mode = OpenMode::kImmutable}).query_integer("SELECT count(*) FROM t");
  }

  TestFolder folder;
  std::string path = folder.path("app.db");
  MemoryStore store;
  SystemClock clock;
  LinuxProcessTable processes;
};

// Behind a segment's header of 56 bytes (docs/formats/segment.md).
constexpr std::size_t kInTheFirstFrame = 60;

void expect_refused(ArchivedDatabase& database, const RestoreRequest& request, ErrorCode code,
                    const std::string& says) {
  const auto before = database.files();
  try {
    database.restore(request);
    ADD_FAILURE() << "it was done";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
  }
  EXPECT_EQ(database.files(), before);
}

TEST(RestoreDatabase, InPlaceBringsTheRowsBackAndKeepsTheOldFileAside) {
  ArchivedDatabase database;
  ::chmod(database.path.c_str(), 0640);
  const std::string old = content(database.path);
  const RestoreReport report = database.restore(database.in_place(1));
  EXPECT_EQ(ArchivedDatabase::rows(database.path), 1);
  EXPECT_TRUE(report.checked);
  EXPECT_EQ(report.bytes, fs::file_size(database.path));
  ASSERT_EQ(report.kept.size(), 1u);
  EXPECT_TRUE(report.kept[0].starts_with(database.path + ".before-restore-")) << report.kept[0];
  EXPECT_EQ(content(report.kept[0]), old);
  struct stat status{};
  ::stat(database.path.c_str(), &status);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
}

TEST(RestoreDatabase, OnWhatIsThereMakesOnlyThePagesThatDiffer) {
  ArchivedDatabase database;
  const std::string old = content(database.path);
  RestoreRequest request = database.in_place(1);
  request.delta = true;
  const RestoreReport report = database.restore(request);
  EXPECT_EQ(ArchivedDatabase::rows(database.path), 1);
  ASSERT_TRUE(report.pages_made);
  EXPECT_LT(*report.pages_made, report.plan.commit.page_count);
  EXPECT_GE(*report.pages_made, 1u);
  ASSERT_EQ(report.kept.size(), 1u);
  EXPECT_EQ(content(report.kept[0]), old);
  // A second time nothing differs; where there is no file yet it is a full restore.
  request.target = database.folder.path("new.db");
  request.in_place = false;
  EXPECT_FALSE(database.restore(request).pages_made);
  EXPECT_EQ(content(request.target), content(database.path));
  EXPECT_EQ(database.restore(request).pages_made, 0u);
}

TEST(RestoreDatabase, NobodyElseCanReadItWhileItIsMade) {
  ArchivedDatabase database;
  ::chmod(database.path.c_str(), 0644);
  RestoreRequest request = database.in_place(1);
  int looked = 0;
  request.options.progress = [&](std::uint64_t, std::uint64_t) {
    for (const auto& entry : fs::directory_iterator(database.folder.path(""))) {
      if (entry.path().filename().string().find("litewright-tmp") == std::string::npos) continue;
      EXPECT_EQ(entry.status().permissions(), fs::perms::owner_read | fs::perms::owner_write);
      looked++;
    }
  };
  database.restore(request);
  EXPECT_GT(looked, 0);
  EXPECT_EQ(fs::status(database.path).permissions(), fs::perms(0644));
  const mode_t mask = ::umask(027);
  database.restore(database.to(database.folder.path("new.db"), 1));
  ::umask(mask);
  EXPECT_EQ(fs::status(database.folder.path("new.db")).permissions(), fs::perms(0640));
}

TEST(RestoreDatabase, AWalLeftBehindIsKeptAsideAndNeverAdopted) {
  ArchivedDatabase database;
  {
    ShellProcess shell(database.path);
    shell.run("INSERT INTO t VALUES(1),(2),(3);");
    shell.kill();
  }
  ASSERT_TRUE(fs::exists(database.path + "-wal"));
  const std::string wal = content(database.path + "-wal");
  const RestoreReport report = database.restore(database.in_place(1));
  EXPECT_FALSE(fs::exists(database.path + "-wal"));
  EXPECT_FALSE(fs::exists(database.path + "-shm"));
  ASSERT_EQ(report.kept.size(), 3u);
  EXPECT_TRUE(report.kept[1].ends_with("-wal"));
  EXPECT_EQ(content(report.kept[1]), wal);
  EXPECT_EQ(*Connection(database.path, {}).query_integer("SELECT count(*) FROM t"), 1);
  // What was kept aside is the old database with all its rows.
  EXPECT_EQ(*Connection(report.kept[0], {}).query_integer("SELECT count(*) FROM t"), 3);
}

TEST(RestoreDatabase, TwoRestoresInOneSecondKeepBothOldFiles) {
  ArchivedDatabase database;
  const RestoreReport first = database.restore(database.in_place(1));
  const RestoreReport second = database.restore(database.in_place(2));
  ASSERT_EQ(first.kept.size(), 1u);
  ASSERT_EQ(second.kept.size(), 1u);
  EXPECT_NE(first.kept[0], second.kept[0]);
  EXPECT_EQ(ArchivedDatabase::rows(first.kept[0]), 0);
  EXPECT_EQ(ArchivedDatabase::rows(second.kept[0]), 1);
}

TEST(RestoreDatabase, RefusesWhileAnApplicationHasItOpenAndNamesIt) {
  ArchivedDatabase database;
  ShellProcess application(database.path);
  application.run("SELECT count(*) FROM t;");
  expect_refused(database, database.in_place(1), ErrorCode::kLocked,
                 "sqlite3 -batch " + database.path + " (pid " + std::to_string(application.pid()));
  expect_refused(database, database.to(database.path, 1), ErrorCode::kLocked, "is open in");
  application.close();
  database.restore(database.in_place(1));
}

TEST(RestoreDatabase, AProbeIsAskedOnTheRestoredFileBeforeItTakesItsPlace) {
  ArchivedDatabase database;
  RestoreRequest request = database.in_place(1);
  request.probe = "SELECT x FROM t WHERE x = 42";
  EXPECT_EQ(database.restore(request).probe_result, "42");
  request = database.in_place(2);
  request.probe = "SELECT x FROM t WHERE x = 42";
  expect_refused(database, request, ErrorCode::kDamaged, "the probe gave no row");
  request.probe = "SELECT x FROM nowhere";
  expect_refused(database, request, ErrorCode::kUsage, "no such table");
}

TEST(RestoreDatabase, GoesToANewFileBesideTheLiveOne) {
  ArchivedDatabase database;
  ShellProcess application(database.path);
  application.run("SELECT count(*) FROM t;");
  const std::string target = database.folder.path("copy.db");
  const RestoreReport report = database.restore(database.to(target, 1));
  EXPECT_EQ(ArchivedDatabase::rows(target), 1);
  EXPECT_TRUE(report.kept.empty());
  EXPECT_EQ(application.run("SELECT count(*) FROM t;"), "0");
}

TEST(RestoreDatabase, ALeftOverWalOfANewFilesNameIsNotAdopted) {
  ArchivedDatabase database;
  const std::string target = database.folder.path("copy.db");
  std::ofstream(target + "-wal") << "of another database";
  const RestoreReport report = database.restore(database.to(target, 1));
  EXPECT_FALSE(fs::exists(target + "-wal"));
  ASSERT_EQ(report.kept.size(), 1u);
  EXPECT_EQ(content(report.kept[0]), "of another database");
}

TEST(RestoreDatabase, AMissingFolderOrAFolderAsTargetIsSaid) {
  ArchivedDatabase database;
  expect_refused(database, database.to(database.folder.path("none/copy.db"), 1), ErrorCode::kCantCreate,
                 "none");
  expect_refused(database, database.to(database.folder.path(""), 1), ErrorCode::kUsage, "is a directory");
}

TEST(RestoreDatabase, ASymbolicLinkStaysAndWhatItPointsAtIsReplaced) {
  ArchivedDatabase database;
  const std::string link = database.folder.path("link.db");
  fs::create_symlink(database.path, link);
  RestoreRequest request = database.in_place(1);
  request.target = link;
  const RestoreReport report = database.restore(request);
  EXPECT_EQ(report.target, database.path);
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(ArchivedDatabase::rows(database.path), 1);
}

TEST(RestoreDatabase, ADryRunPlansAndTouchesNothing) {
  ArchivedDatabase database;
  const auto before = database.files();
  RestoreRequest request = database.in_place(1);
  request.dry_run = true;
  const RestoreReport report = database.restore(request);
  EXPECT_EQ(report.plan.commit.txid, Txid(1));
  EXPECT_GT(report.bytes, 0u);
  EXPECT_EQ(database.files(), before);
}

TEST(RestoreDatabase, ADamagedArchiveLeavesTheTargetAsItWas) {
  ArchivedDatabase database;
  const std::string name = database.store.list("segments/").front().name;
  const auto reader = database.store.open(name);
  std::vector<std::byte> bytes(reader->size());
  reader->read(0, bytes);
  bytes[kInTheFirstFrame] ^= std::byte{1};
  database.store.replace(name, bytes);
  expect_refused(database, database.in_place(1), ErrorCode::kDamaged, name);
}

TEST(RestoreDatabase, GoesAroundADamagedObjectWhereAnotherGivesTheSameCommitAndSaysSo) {
  ArchivedDatabase database;
  merge_segments(database.store, Catalogue::load(database.store).segments, {});
  const std::string name = database.store.list("segments/").front().name;
  const auto reader = database.store.open(name);
  std::vector<std::byte> bytes(reader->size());
  reader->read(0, bytes);
  bytes[kInTheFirstFrame] ^= std::byte{1};
  database.store.replace(name, bytes);
  const RestoreReport report = database.restore(database.to(database.folder.path("copy.db"), 1));
  EXPECT_EQ(ArchivedDatabase::rows(report.target), 1);
  ASSERT_EQ(report.damaged.size(), 1u);
  EXPECT_EQ(report.damaged[0].name, name);
}

TEST(RestoreDatabase, WhereTheOldFilesCannotBeMovedAwayTheTargetIsAsItWas) {
  ArchivedDatabase database;
  // A folder of that name can be neither linked aside nor removed.
  fs::create_directory(database.path + "-journal");
  std::ofstream(database.path + "-wal") << "kept";
  const auto before = database.files();
  EXPECT_THROW(database.restore(database.in_place(1)), Error);
  EXPECT_EQ(database.files(), before);
}

}  // namespace
}  // namespace litewright
