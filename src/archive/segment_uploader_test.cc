#include "archive/segment_uploader.h"

#include <gtest/gtest.h>

#include "archive/catalogue.h"
#include "archive/history_samples.h"
#include "store/faulty_store.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kPatience{30'000};
constexpr std::uint32_t kPageSize = 512;

// Commit `txid` sets page `txid` of a database of as many pages.
class Source {
 public:
  std::unique_ptr<SegmentPart> part(std::unique_ptr<SegmentPart> part, Txid base, Txid last, bool sealed) {
    part->header = {.page_size = kPageSize, .base = base, .last = last};
    part->last = sealed;
    part->position.reset();
    return part;
  }
  void add_version(SegmentPart& part, Txid txid, PageNumber page) {
    const std::vector<std::byte> content(kPageSize, static_cast<std::byte>(page.value));
    const Checksum128 checksum = page_checksum(page, content);
    part.batch.versions.add({page, txid, PageVersion::Kind::kWhole, content, checksum});
    ledger_.set(page, checksum);
  }
  void add_commit(SegmentPart& part, Txid txid) {
    CommitRecord commit;
    commit.txid = txid;
    commit.seen_at = WallTime(std::chrono::seconds(1'800'000'000 + txid.value));
    commit.page_count = ledger_.page_count();
    commit.checksum = ledger_.sum();
    part.batch.commits.push_back(commit);
  }
  std::unique_ptr<SegmentPart> whole(SegmentUploader& uploader, Txid txid) {
    auto result = part(uploader.take_empty(), Txid(txid.value - 1), txid, true);
    add_version(*result, txid, PageNumber(static_cast<std::uint32_t>(txid.value)));
    add_commit(*result, txid);
    return result;
  }

 private:
  Ledger ledger_{{.folder = std::filesystem::temp_directory_path(), .page_size = kPageSize}};
};

struct Events {
  SegmentUploader::Events events() {
    return {[this](Txid txid, std::uint64_t) {
              const std::lock_guard lock(mutex);
              stored.push_back(txid.value);
            },
            [this](const Error&) { failures++; }};
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return stored.size();
  }
  std::mutex mutex;
  std::vector<std::uint64_t> stored;
  std::atomic<int> failures{0};
};

void wait_for_room(const SegmentUploader& uploader) {
  while (!uploader.has_room()) std::this_thread::sleep_for(milliseconds(1));
}

TEST(SegmentUploader, StoresSegmentsInTheirOrder) {
  FaultyStore store;
  Events events;
  Source source;
  SegmentUploader uploader(store, Txid(0), events.events());
  for (std::uint64_t txid = 1; txid <= 20; txid++) {
    wait_for_room(uploader);
    uploader.submit(source.whole(uploader, Txid(txid)));
  }
  EXPECT_TRUE(uploader.drain(kPatience));
  EXPECT_TRUE(uploader.idle());
  EXPECT_EQ(uploader.archived(), Txid(20));
  ASSERT_EQ(events.stored.size(), 20u);
  for (std::uint64_t i = 0; i < 20; i++) EXPECT_EQ(events.stored[i], i + 1);
  EXPECT_EQ(history_samples::restored(store, Txid(20)).size(), 20u * kPageSize);
}

TEST(SegmentUploader, ASegmentIsPutAgainUntilTheStoreTakesItAndNothingIsArchivedBefore) {
  FaultyStore store;
  store.failures_left = 3;
  Events events;
  Source source;
  SegmentUploader uploader(store, Txid(0), events.events());
  uploader.submit(source.whole(uploader, Txid(1)));
  while (store.puts < 2) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(uploader.archived(), Txid(0));
  EXPECT_FALSE(uploader.wait_archived(Txid(1), milliseconds(1)));
  EXPECT_TRUE(store.list("segments/").empty());
  EXPECT_TRUE(uploader.wait_archived(Txid(1), kPatience));
  EXPECT_EQ(events.failures, 3);
  EXPECT_EQ(store.list("segments/").size(), 1u);
}

TEST(SegmentUploader, TheQueueIsBoundedWhileAStoreIsSlow) {
  FaultyStore store;
  store.hold_puts();
  Events events;
  Source source;
  SegmentUploader uploader(store, Txid(0), events.events());
  uploader.submit(source.whole(uploader, Txid(1)));
  while (store.puts < 1) std::this_thread::sleep_for(milliseconds(1));
  uploader.submit(source.whole(uploader, Txid(2)));
  EXPECT_TRUE(uploader.has_room());
  uploader.submit(source.whole(uploader, Txid(3)));
  EXPECT_FALSE(uploader.has_room());
  EXPECT_FALSE(uploader.drain(milliseconds(20)));
  store.let_puts_go();
  EXPECT_TRUE(uploader.drain(kPatience));
  EXPECT_EQ(uploader.archived(), Txid(3));
}

TEST(SegmentUploader, ASegmentOfSeveralPartsIsVisibleOnlyWithItsLast) {
  FaultyStore store;
  Events events;
  Source source;
  SegmentUploader uploader(store, Txid(0), events.events());
  for (std::uint32_t page = 1; page <= 3; page++) {
    wait_for_room(uploader);
    auto part = source.part(uploader.take_empty(), Txid(0), Txid(1), page == 3);
    source.add_version(*part, Txid(1), PageNumber(page));
    if (page == 3) source.add_commit(*part, Txid(1));
    uploader.submit(std::move(part));
    if (page < 3) {
      ASSERT_TRUE(uploader.drain(kPatience));
      EXPECT_TRUE(store.list("segments/").empty());
      EXPECT_EQ(uploader.archived(), Txid(0));
    }
  }
  EXPECT_TRUE(uploader.wait_archived(Txid(1), kPatience));
  EXPECT_EQ(history_samples::restored(store, Txid(1)).size(), 3u * kPageSize);
}

TEST(SegmentUploader, ASegmentWhosePartsAreGoneBreaksItAndSaysSo) {
  FaultyStore store;
  store.failures_left = 1;
  Events events;
  Source source;
  SegmentUploader uploader(store, Txid(0), events.events());
  auto first = source.part(uploader.take_empty(), Txid(0), Txid(1), false);
  source.add_version(*first, Txid(1), PageNumber(1));
  uploader.submit(std::move(first));
  auto last = source.part(uploader.take_empty(), Txid(0), Txid(1), true);
  source.add_version(*last, Txid(1), PageNumber(2));
  source.add_commit(*last, Txid(1));
  uploader.submit(std::move(last));
  EXPECT_FALSE(uploader.drain(kPatience));
  EXPECT_THROW(uploader.check(), Error);
  EXPECT_THROW(uploader.submit(source.whole(uploader, Txid(2))), Error);
  EXPECT_EQ(uploader.archived(), Txid(0));
  EXPECT_TRUE(store.list("segments/").empty());
}

TEST(SegmentUploader, AnotherArchiversObjectOfThatNameEndsItAtOnce) {
  FaultyStore store;
  Events events;
  Source source;
  put_object(store, segment_name(Txid(0), Txid(1)), std::as_bytes(std::span("another's", 9)));
  SegmentUploader uploader(store, Txid(0), events.events());
  uploader.submit(source.whole(uploader, Txid(1)));
  EXPECT_FALSE(uploader.drain(kPatience));
  try {
    uploader.check();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLocked);
  }
  EXPECT_EQ(events.failures, 0);
}

TEST(SegmentUploader, DestroyedWhileTheStoreIsAwayItGivesUpAtOnce) {
  FaultyStore store;
  store.failures_left = 1'000'000;
  Events events;
  Source source;
  const auto began = std::chrono::steady_clock::now();
  {
    SegmentUploader uploader(store, Txid(0), events.events());
    uploader.submit(source.whole(uploader, Txid(1)));
    while (events.failures < 3) std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST(SegmentUploader, WhatIsSpooledIsOutOfMemoryAndNotArchivedUntilTheStoreHasIt) {
  FaultyStore far;
  MemoryStore near;
  SpoolingStore store(
      far, near, SpoolOptions{.first_retry = milliseconds(5), .longest_retry = milliseconds(20)}, nullptr);
  store.start();
  far.failures_left = 1'000'000;
  Events events;
  Source source;
  {
    SegmentUploader uploader(store, Txid(0), events.events(), &store);
    for (std::uint64_t txid = 1; txid <= 5; txid++) {
      wait_for_room(uploader);
      uploader.submit(source.whole(uploader, Txid(txid)));
    }
    EXPECT_FALSE(uploader.drain(kPatience));
    EXPECT_TRUE(uploader.idle());
    EXPECT_EQ(uploader.archived(), Txid(0));
    EXPECT_EQ(uploader.spooled(), 5u);
    EXPECT_TRUE(events.stored.empty());
  }
  // The next one goes on behind what waits.
  EXPECT_EQ(Catalogue::load(store).newest()->txid, Txid(5));
  EXPECT_FALSE(Catalogue::load(far).newest());
  SegmentUploader uploader(store, Txid(5), events.events(), &store);
  EXPECT_EQ(uploader.archived(), Txid(0));
  uploader.submit(source.whole(uploader, Txid(6)));
  far.failures_left = 0;
  EXPECT_TRUE(uploader.wait_archived(Txid(6), kPatience));
  EXPECT_TRUE(uploader.drain(kPatience));
  // It is told of on another thread, a moment after it is archived.
  for (int i = 0; i < 1000 && events.count() < 6; i++) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(events.stored, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(history_samples::restored(far, Txid(6)).size(), 6u * kPageSize);
}

}  // namespace
}  // namespace litewright
