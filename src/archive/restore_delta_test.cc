#include "archive/restore_delta.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "archive/history_samples.h"
#include "base/error.h"
#include "base/test_effort.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace history_samples;

struct Made {
  Page content;
  DeltaRestoreResult result;
};

Made restore_on(const ObjectStore& store, Txid txid, const Page& present,
                const RestoreOptions& options = {}) {
  RestorePoint point;
  point.tx = txid;
  const FileDescriptor source = unnamed_file();
  const FileDescriptor target = unnamed_file();
  pwrite_fully(source.get(), present, 0, "the source");
  const RestorePlan plan = plan_restore(store, Catalogue::load(store), point);
  Made made;
  made.result = restore_over(store, plan, source.get(), target.get(), options);
  made.content = file_content(target.get());
  EXPECT_TRUE(file_content(source.get()) == present) << "the source was changed";
  return made;
}

// Beyond its end a file counts as zeros.
std::uint64_t differing_pages(Page a, const Page& b, std::size_t page_size) {
  a.resize(std::max(a.size(), b.size()));
  std::uint64_t pages = 0;
  for (std::size_t at = 0; at < b.size(); at += page_size) {
    if (!std::ranges::equal(Bytes(a).subspan(at, page_size), Bytes(b).subspan(at, page_size))) ++pages;
  }
  return pages;
}

TEST(RestoreDelta, GivesEveryCommitWhateverTheFileHeldBefore) {
  for (std::uint32_t seed = 1; seed <= rounds({.brief = 4, .full = 12}); ++seed) {
    SCOPED_TRACE(seed);
    MemoryStore store;
    History history({.seed = seed, .commits = 40});
    history.write(store);
    for (const CommitRecord& commit : history.commits()) {
      Page present = history.state(Txid(1 + static_cast<std::uint64_t>(history.pick(40))));
      if (history.pick(4) == 0) present.resize(present.size() / 2 + 100);
      if (history.pick(6) == 0) present.clear();
      if (history.pick(6) == 0) present.resize(present.size() + 5000, std::byte{7});
      for (int flips = history.pick(5); flips > 0 && !present.empty(); --flips) {
        present[static_cast<std::size_t>(history.pick(static_cast<int>(present.size())))] ^= std::byte{1};
      }
      RestoreOptions options;
      options.threads = 1 + history.pick(3);
      if (history.pick(2) == 0) options.max_open_runs = 1 + static_cast<std::size_t>(history.pick(4));
      const Made made = restore_on(store, commit.txid, present, options);
      ASSERT_TRUE(made.content == history.state(commit.txid)) << "commit " << commit.txid.value;
      EXPECT_GE(made.result.pages_made, differing_pages(present, made.content, 512));
      EXPECT_EQ(made.result.restored.checksum, commit.checksum);
    }
  }
}

TEST(RestoreDelta, MakesNoPageThatIsRightAtTheEndOfASegment) {
  MemoryStore store;
  History history({.seed = 5, .first_pages = 4000, .most_pages = 6000, .commits = 30});
  history.write(store);
  const Txid newest = history.commits().back().txid;
  Page present = history.state(newest);
  EXPECT_EQ(restore_on(store, newest, present).result.pages_made, 0u);
  const std::size_t pages = present.size() / 512;
  ASSERT_GT(pages, 300u);
  for (const std::size_t page : {std::size_t{0}, pages / 3, pages / 3 + 1, pages - 1}) {
    present[page * 512 + 11] ^= std::byte{1};
  }
  const Made made = restore_on(store, newest, present);
  EXPECT_EQ(made.result.pages_made, 4u);
  EXPECT_EQ(made.result.restored.bytes_written, 4 * 512u);
  EXPECT_TRUE(made.content == history.state(newest));
}

TEST(RestoreDelta, TakesPagesThatAreNewWithinASegmentAsTheyAre) {
  MemoryStore store;
  History history(
      {.seed = 12, .first_pages = 100, .most_pages = 4000, .commits = 200, .longest_segment = 50});
  history.write(store);
  const Txid newest = history.commits().back().txid;
  // One that was dropped and came back within a segment may be made for nothing.
  EXPECT_LE(restore_on(store, newest, history.state(newest)).result.pages_made, 2u);
}

TEST(RestoreDelta, ClearsTheLockPageAndLeavesItOutOfTheChecksum) {
  // The smallest file with a lock page has 16,385 pages of 64 KiB: the page before it and it are looked at.
  const std::uint32_t page_size = 65536;
  const std::uint32_t pages = lock_page(page_size).value;
  MemoryStore store;
  Ledger ledger({.folder = std::filesystem::temp_directory_path(), .page_size = page_size});
  const Page content(page_size, std::byte{9});
  ledger.set(PageNumber(1), page_checksum(PageNumber(1), content));
  ledger.resize(pages);
  {
    SegmentWriter writer(store, {.header = {.page_size = page_size, .base = Txid(0), .last = Txid(1)}});
    writer.add({PageNumber(1), Txid(1), PageVersion::Kind::kWhole, content, ledger.get(PageNumber(1))});
    const CommitRecord commit{.txid = Txid(1), .seen_at = {}, .page_count = pages, .checksum = ledger.sum()};
    writer.finish(std::span(&commit, 1), std::nullopt);
  }
  RestorePoint newest;
  const RestorePlan plan = plan_restore(store, Catalogue::load(store), newest);
  const FileDescriptor source = unnamed_file();
  const FileDescriptor target = unnamed_file();
  const std::uint64_t lock_offset = std::uint64_t{pages - 1} * page_size;
  pwrite_fully(source.get(), content, lock_offset, "the source");
  const auto result = restore_over(store, plan, source.get(), target.get(), {});
  EXPECT_EQ(result.pages_made, 2u);
  Page lock(page_size, std::byte{1});
  EXPECT_EQ(pread_fully(target.get(), lock, lock_offset, "the target"), lock.size());
  EXPECT_TRUE(std::ranges::all_of(lock, [](std::byte b) { return b == std::byte{0}; }));
}

// What differs, or the index that tells it, is damaged: nothing wrong comes out of it.
TEST(RestoreDelta, IsRightOrRefusedWhereverABitOfTheArchiveFlipped) {
  MemoryStore sound;
  History history({.seed = 9, .commits = 20});
  history.write(sound);
  const Txid newest = history.commits().back().txid;
  Page present = history.state(Txid(10));
  const std::uint32_t flips = rounds({.brief = 130, .full = 400});
  std::uint32_t refused = 0;
  for (std::uint32_t i = 0; i < flips; ++i) {
    MemoryStore store;
    for (const ObjectInfo& object : sound.list("")) {
      const std::string content = read_object(sound, object.name);
      store.replace(object.name, std::as_bytes(std::span(content)));
    }
    const std::string& name =
        history
            .segments()[static_cast<std::size_t>(history.pick(static_cast<int>(history.segments().size())))];
    std::string content = read_object(store, name);
    content[static_cast<std::size_t>(history.pick(static_cast<int>(content.size())))] ^= 4;
    store.replace(name, std::as_bytes(std::span(content)));
    try {
      EXPECT_TRUE(restore_on(store, newest, present).content == history.state(newest));
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kDamaged || error.code() == ErrorCode::kNoDatabase)
          << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, flips / 4);
}

TEST(PageSet, TellsRangesWithoutAnyOfItsPages) {
  PageSet set(1000);
  for (const std::uint32_t page : {1u, 63u, 64u, 500u, 1000u}) set.add(PageNumber(page));
  EXPECT_EQ(set.count(), 5u);
  for (std::uint32_t first = 1; first <= 1010; first += 3) {
    for (std::uint32_t last = first; last <= 1010; last += 7) {
      bool any = false;
      for (std::uint32_t page = first; page <= last; ++page) any |= set.has(PageNumber(page));
      EXPECT_EQ(set.any(PageNumber(first), PageNumber(last)), any) << first << " to " << last;
    }
  }
}

}  // namespace
}  // namespace litewright
