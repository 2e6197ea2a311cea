// Coming back: whether the WAL still continues what was archived, and what happens where it does not.
#include "archive/resume.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "archive/follow_samples.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace follow_samples;
namespace fs = std::filesystem;

// Follows until everything is archived, then leaves.
struct Stay {
  Txid txid;
  FollowStatus status;
};
Stay follow_for_a_moment(ObjectStore& store, const Application& application) {
  RunningFollower follower(store, follow_options(application));
  const Txid txid = follower.sync();
  follower.stop();
  return {txid, follower->status()};
}

// The same, with a commit at the end that was followed: its frames stay in the WAL for the next stay.
Stay follow_a_commit(ObjectStore& store, Application& application) {
  RunningFollower follower(store, follow_options(application));
  follower.sync();
  application.insert();
  const Txid txid = follower.sync();
  follower.stop();
  return {txid, follower->status()};
}

Continuity::Kind continuity(const MemoryStore& store, const Application& application) {
  const Catalogue catalogue = Catalogue::load(store);
  Ledger ledger(LedgerOptions{.folder = application.folder.path("")});
  rebuild_ledger(store, catalogue, ledger);
  WalGuard guard(application.path);
  guard.pin();
  return prove_continuity(guard, guard.index(), guard.page_size(), catalogue.line().back()->position, ledger)
      .kind;
}

// The files as they are now, put aside by another process (FACTS 7), and back.
void copy_files(const std::string& from, const std::string& to) {
  for (const char* suffix : {"", "-wal"}) {
    fs::remove(to + suffix);
    if (fs::exists(from + suffix)) fs::copy_file(from + suffix, to + suffix);
  }
  fs::remove(to + "-shm");
}

TEST(RebuildLedger, GivesTheStateAfterTheNewestCommit) {
  Application application;
  MemoryStore store;
  application.insert(50'000);
  follow_for_a_moment(store, application);
  application.commit("DELETE FROM orders;");
  application.run("VACUUM;");
  application.insert(9'000);
  follow_for_a_moment(store, application);
  const Catalogue catalogue = Catalogue::load(store);
  Ledger ledger(LedgerOptions{.folder = application.folder.path("")});
  rebuild_ledger(store, catalogue, ledger);
  EXPECT_EQ(ledger.sum(), catalogue.newest()->checksum);
  EXPECT_EQ(ledger.page_count(), catalogue.newest()->page_count);
}

TEST(RebuildLedger, AnEmptyArchiveGivesAnEmptyLedger) {
  MemoryStore store;
  const TestFolder folder;
  Ledger ledger(LedgerOptions{.folder = folder.path("")});
  rebuild_ledger(store, Catalogue::load(store), ledger);
  EXPECT_EQ(ledger.page_count(), 0u);
}

TEST(Resume, AnUnchangedDatabaseAddsNoCommit) {
  Application application;
  MemoryStore store;
  application.insert();
  const Stay first = follow_for_a_moment(store, application);
  const std::size_t segments = Catalogue::load(store).segments.size();
  const Stay second = follow_for_a_moment(store, application);
  EXPECT_EQ(second.txid, first.txid);
  EXPECT_EQ(Catalogue::load(store).segments.size(), segments);
  // Also where the WAL is gone and every page is compared.
  application.shell.close();
  EXPECT_FALSE(fs::exists(application.path + "-wal"));
  const Stay third = follow_for_a_moment(store, application);
  EXPECT_EQ(third.status.scans, 1u);
  EXPECT_EQ(third.txid, first.txid);
  EXPECT_EQ(Catalogue::load(store).segments.size(), segments);
}

// Also where all frames were copied back before, so that capture met none.
TEST(Resume, TheSegmentOfAScanCarriesWhereItEndedWithItsHash) {
  Application application;
  application.insert();
  application.run("PRAGMA wal_checkpoint(PASSIVE);");
  MemoryStore store;
  follow_for_a_moment(store, application);
  const auto position = Catalogue::load(store).line().back()->position;
  ASSERT_TRUE(position);
  EXPECT_GT(position->frame, FrameNumber(0));
  EXPECT_NE(position->commit_hash, 0u);
}

TEST(Resume, ContinuesCommitByCommitWhereTheWalHoldsWhatHappenedMeanwhile) {
  Application application;
  application.run("PRAGMA wal_autocheckpoint=0;");
  MemoryStore store;
  const Stay first = follow_a_commit(store, application);
  std::vector<std::string> digests;
  for (int i = 0; i < 4; i++) {
    application.insert();
    digests.push_back(application.digest());
  }
  ASSERT_EQ(continuity(store, application), Continuity::Kind::kContinues);
  const Stay second = follow_for_a_moment(store, application);
  EXPECT_EQ(second.status.scans, 0u);
  EXPECT_EQ(second.txid.value, first.txid.value + 4);
  for (std::size_t i = 0; i < 4; i++) {
    EXPECT_EQ(restored_digest(store, application.folder, Txid(first.txid.value + 1 + i)), digests[i]);
  }
}

TEST(Resume, ContinuesAlsoWhereThoseCommitsWereCopiedBackAlready) {
  Application application;
  application.run("PRAGMA wal_autocheckpoint=0;");
  MemoryStore store;
  for (int i = 0; i < 50; i++) application.insert(3000);
  // The WAL begins anew: most of the pages that are changed below have no frame before the archived one.
  application.run("PRAGMA wal_checkpoint(TRUNCATE);");
  const Stay first = follow_a_commit(store, application);
  application.commit("UPDATE orders SET body=randomblob(3000);");
  application.run("PRAGMA wal_checkpoint(PASSIVE);");
  EXPECT_EQ(continuity(store, application), Continuity::Kind::kContinues);
  const Stay second = follow_for_a_moment(store, application);
  EXPECT_EQ(second.txid.value, first.txid.value + 1);
  EXPECT_EQ(restored_digest(store, application.folder, second.txid), application.digest());
  EXPECT_EQ(Catalogue::load(store).segments.back().header.epoch, 1u);
}

TEST(Resume, ARestartedWalIsReconciledAsOneCommitOfTheSameEpoch) {
  Application application;
  MemoryStore store;
  application.insert();
  const Stay first = follow_for_a_moment(store, application);
  application.run("PRAGMA wal_checkpoint(TRUNCATE);");
  for (int i = 0; i < 3; i++) application.insert();
  ASSERT_EQ(continuity(store, application), Continuity::Kind::kUnknown);
  const Stay second = follow_for_a_moment(store, application);
  EXPECT_EQ(second.txid.value, first.txid.value + 1);
  const Catalogue catalogue = Catalogue::load(store);
  EXPECT_TRUE(catalogue.newest()->reconciled);
  EXPECT_LE(catalogue.newest()->gap_since, catalogue.newest()->seen_at);
  EXPECT_EQ(catalogue.segments.back().header.epoch, 1u);
  EXPECT_EQ(restored_digest(store, application.folder, second.txid), application.digest());
}

// A power cut took commits that were archived; the application then went on from before them (FACTS 14).
class ForkedResume : public testing::TestWithParam<int> {};

TEST_P(ForkedResume, ALineThatForkedBeginsANewEpochAndKeepsTheOldOne) {
  Application application;
  application.run("PRAGMA wal_autocheckpoint=0;");
  MemoryStore store;
  const std::string saved = application.folder.path("saved.db");
  // Our leaving may restart nothing: the WAL of the first stay goes on.
  follow_for_a_moment(store, application);
  application.insert();
  copy_files(application.path, saved);
  application.insert();
  const std::string lost = application.digest();
  const Stay first = follow_for_a_moment(store, application);
  application.shell.kill();
  copy_files(saved, application.path);
  ShellProcess again(application.path);
  again.run("PRAGMA wal_autocheckpoint=0; SELECT n FROM counter;");
  for (int i = 0; i < GetParam(); i++)
    again.run("BEGIN; INSERT INTO orders(body) VALUES(randomblob(300)); UPDATE counter SET n=n+1; COMMIT;");
  ASSERT_EQ(continuity(store, application), Continuity::Kind::kForked);
  const Stay second = follow_for_a_moment(store, application);
  EXPECT_EQ(second.txid.value, first.txid.value + 1);
  const SegmentHeader header = Catalogue::load(store).segments.back().header;
  EXPECT_EQ(header.epoch, 2u);
  EXPECT_EQ(header.parent_epoch, 1u);
  EXPECT_EQ(restored_digest(store, application.folder, first.txid), lost);
  EXPECT_EQ(restored_digest(store, application.folder, second.txid),
            again.run(Application::digest_query() + ";"));
}

// 0: the WAL is shorter; 1, 2: it is as long or longer, with other frames in it.
INSTANTIATE_TEST_SUITE_P(CommitsAfterTheFork, ForkedResume, testing::Values(0, 1, 2));

TEST(Resume, AChangeOfPageSizeIsAGapOnTheSameLine) {
  Application application;
  MemoryStore store;
  application.insert(50'000);
  const std::string before = application.digest();
  const Stay first = follow_for_a_moment(store, application);
  application.run("PRAGMA journal_mode=DELETE; PRAGMA page_size=8192; VACUUM; PRAGMA journal_mode=WAL;");
  application.insert();
  const Stay second = follow_for_a_moment(store, application);
  EXPECT_EQ(second.txid.value, first.txid.value + 1);
  const Catalogue catalogue = Catalogue::load(store);
  EXPECT_TRUE(catalogue.newest()->reconciled);
  EXPECT_EQ(catalogue.line().back()->header.epoch, 1u);
  EXPECT_TRUE(catalogue.missing().empty());
  EXPECT_EQ(restored_digest(store, application.folder, first.txid), before);
  EXPECT_EQ(restored_digest(store, application.folder, second.txid), application.digest());
  // And on from there: the ledger is that of the new pages.
  application.insert();
  const Stay third = follow_for_a_moment(store, application);
  EXPECT_EQ(third.txid.value, second.txid.value + 1);
  EXPECT_EQ(restored_digest(store, application.folder, third.txid), application.digest());
}

TEST(Resume, AnotherDatabaseBesideTheOldWalIsNotTakenForAContinuation) {
  Application application;
  application.run("PRAGMA wal_autocheckpoint=0;");
  for (int i = 0; i < 40; i++) application.insert(3000);
  application.run("PRAGMA wal_checkpoint(TRUNCATE);");
  MemoryStore store;
  application.insert(10);
  follow_for_a_moment(store, application);
  application.insert(10);
  follow_for_a_moment(store, application);
  application.shell.kill();
  // Bytes of a page that the WAL does not cover.
  std::fstream file(application.path, std::ios::in | std::ios::out | std::ios::binary);
  for (int page = 10; page < 30; page++) {
    file.seekp(page * 4096 + 2000);
    file.write("another database", 16);
  }
  file.close();
  EXPECT_EQ(continuity(store, application), Continuity::Kind::kForked);
}

}  // namespace
}  // namespace litewright
