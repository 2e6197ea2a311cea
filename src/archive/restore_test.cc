#include "archive/restore.h"

#include <gtest/gtest.h>

#include "archive/compaction.h"
#include "archive/history_samples.h"
#include "base/error.h"
#include "base/test_effort.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace history_samples;

TEST(Restore, GivesEveryCommitOfRandomHistoriesAsItWas) {
  for (std::uint32_t seed = 1; seed <= rounds({.brief = 14, .full = 40}); ++seed) {
    SCOPED_TRACE(seed);
    MemoryStore store;
    History history({.seed = seed});
    history.write(store);
    for (const CommitRecord& commit : history.commits()) {
      const int threads = 1 + history.pick(2);
      const std::size_t open_runs =
          history.pick(2) == 0 ? 256 : 1 + static_cast<std::size_t>(history.pick(4));
      ASSERT_EQ(restored(store, commit.txid, {.threads = threads, .max_open_runs = open_runs}),
                history.state(commit.txid))
          << "commit " << commit.txid.value << ", open runs " << open_runs;
    }
  }
}

TEST(Restore, SplitsManyPagesAmongThreads) {
  for (const std::size_t open_runs : {3u, 256u}) {
    MemoryStore store;
    History history(
        {.seed = 7, .first_pages = 20000, .most_pages = 24000, .commits = 80, .longest_segment = 4});
    history.write(store);
    for (const std::uint64_t txid : {1u, 40u, 80u}) {
      std::uint64_t last_done = 0;
      std::uint64_t all = 0;
      const Page content = restored(store, Txid(txid),
                                    {.threads = 3,
                                     .max_open_runs = open_runs,
                                     .progress = [&](std::uint64_t done, std::uint64_t total) {
                                       last_done = done;
                                       all = total;
                                     }});
      EXPECT_TRUE(content == history.state(Txid(txid)));
      EXPECT_EQ(last_done, history.commit(Txid(txid)).page_count);
      EXPECT_EQ(all, last_done);
    }
  }
}

TEST(Restore, VisitsEveryPageInOrderWithTheRestoredContent) {
  MemoryStore store;
  History history({.seed = 3});
  history.write(store);
  const Catalogue catalogue = Catalogue::load(store);
  Page visited;
  PageNumber expected(0);
  visit_pages(store, plan_restore(store, catalogue, {}), [&](PageNumber page, Bytes content) {
    EXPECT_EQ(page, ++expected);
    visited.insert(visited.end(), content.begin(), content.end());
  });
  EXPECT_EQ(visited, history.state(Txid(60)));
}

TEST(Restore, LeavesTheLockPageAsZerosAndOutOfTheChecksum) {
  constexpr std::uint32_t kPageSize = 65536;
  const PageNumber lock = lock_page(kPageSize);
  MemoryStore store;
  Ledger ledger({.folder = std::filesystem::temp_directory_path(), .page_size = kPageSize});
  const Page content(kPageSize, std::byte{7});
  SegmentWriter writer(store, {.header = {.page_size = kPageSize, .base = Txid(0), .last = Txid(1)}});
  for (const PageNumber page : {PageNumber(1), lock, lock.next()}) {
    const Checksum128 checksum = page_checksum(page, content);
    ledger.set(page, checksum);
    writer.add({page, Txid(1), PageVersion::Kind::kWhole, content, checksum});
  }
  ledger.resize(lock.value + 1);
  CommitRecord commit;
  commit.txid = Txid(1);
  commit.page_count = lock.value + 1;
  commit.checksum = ledger.sum();
  writer.finish(std::span(&commit, 1), std::nullopt);
  const FileDescriptor file = open_file(std::filesystem::temp_directory_path(), O_RDWR | O_TMPFILE);
  const RestoreResult result =
      restore_pages(store, plan_restore(store, Catalogue::load(store), {}), file.get(), {});
  EXPECT_EQ(result.checksum, commit.checksum);
  EXPECT_EQ(result.bytes_written, 2 * kPageSize);
  Page page(kPageSize);
  pread_fully(file.get(), page, std::uint64_t{lock.value - 1} * kPageSize, "file");
  EXPECT_EQ(page, Page(kPageSize));
  pread_fully(file.get(), page, std::uint64_t{lock.value} * kPageSize, "file");
  EXPECT_EQ(page, content);
}

TEST(Restore, RefusesAStateWhoseSumIsNotTheCommits) {
  MemoryStore store;
  const Page content(512, std::byte{1});
  SegmentWriter writer(store, {.header = {.page_size = 512, .base = Txid(0), .last = Txid(1)}});
  writer.add(
      {PageNumber(1), Txid(1), PageVersion::Kind::kWhole, content, page_checksum(PageNumber(1), content)});
  CommitRecord commit;
  commit.txid = Txid(1);
  commit.page_count = 2;  // the second page nobody wrote: zeros, which the sum leaves out
  commit.checksum = page_checksum(PageNumber(1), content);
  writer.finish(std::span(&commit, 1), std::nullopt);
  try {
    restored(store, Txid(1));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
    EXPECT_NE(std::string(error.what()).find("commit 1"), std::string::npos) << error.what();
  }
}

TEST(Restore, NamesObjectPageAndCommitWhereAPageIsNotTheRecordedOne) {
  MemoryStore store;
  const Page content(512, std::byte{1});
  SegmentWriter writer(store, {.header = {.page_size = 512, .base = Txid(0), .last = Txid(1)}});
  writer.add({PageNumber(1), Txid(1), PageVersion::Kind::kWhole, content, {1, 2}});
  CommitRecord commit;
  commit.txid = Txid(1);
  commit.page_count = 1;
  commit.checksum = {1, 2};
  writer.finish(std::span(&commit, 1), std::nullopt);
  try {
    restored(store, Txid(1));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "segments/0000000000000000-0000000000000001.lws: page 1 as of commit 1: its checksum is not "
                 "the recorded one");
  }
}

TEST(Restore, TakesAnotherWayAroundADamagedObjectAndSaysWhichItWas) {
  MemoryStore store;
  History history({.seed = 21});
  history.write(store);
  RestorePoint point;
  point.tx = Txid(40);
  const RestorePlan by_chain = plan_restore(store, Catalogue::load(store), point);
  const std::string snapshot = collapse(store, by_chain, {}).entry().name;
  std::string content = read_object(store, snapshot);
  content[100] = static_cast<char>(content[100] ^ 1);
  store.replace(snapshot, std::as_bytes(std::span(content)));
  const Catalogue catalogue = Catalogue::load(store);
  const RestorePlan plan = plan_restore(store, catalogue, {});
  ASSERT_EQ(plan.segments.front().name, snapshot);
  const FileDescriptor file = unnamed_file();
  std::vector<BadObject> damaged;
  restore_around_damage(store, catalogue, plan, file.get(), {}, damaged);
  EXPECT_TRUE(file_content(file.get()) == history.state(Txid(60)));
  ASSERT_EQ(damaged.size(), 1u);
  EXPECT_EQ(damaged.front().name, snapshot);
  EXPECT_THROW(restored(store, plan), Error);
}

}  // namespace
}  // namespace litewright
