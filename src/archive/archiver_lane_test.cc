#include "archive/archiver_lane.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <map>
#include <semaphore>

#include "archive/follow_samples.h"
#include "store/directory_store.h"
#include "store/faulty_store.h"

namespace litewright {
namespace {

using namespace follow_samples;
using std::chrono::milliseconds;

// How many descriptors this process has of a file.
int descriptors_of(const std::string& path) {
  int count = 0;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    count += std::filesystem::read_symlink(entry, gone) == path ? 1 : 0;
  return count;
}

ArchiverOptions quick_to_rest(const Application& application, RestWatch& rest) {
  ArchiverOptions options{.follow = follow_options(application), .rest = &rest};
  options.follow.rest_after = milliseconds(10);
  return options;
}

TEST(Archiver, AQuietDatabaseIsOneConnectionWithoutAThreadAndLosesNoCommit) {
  Application application;
  MemoryStore store;
  const SystemClock clock;
  RestWatch rest;
  Archiver archiver(store, clock, quick_to_rest(application, rest), {});
  std::counting_semaphore<> awake{0};
  const auto go_on = [&] { return archiver.go_on([&awake] { awake.release(); }); };
  std::map<std::uint64_t, std::string> expected;
  for (int round = 0; round < 4; round++) {
    ASSERT_EQ(go_on(), Archiver::Pass::kResting);
    expected[archiver.status().archived.value] = application.digest();
    EXPECT_EQ(descriptors_of(application.path + "-wal"), 1);
    EXPECT_EQ(descriptors_of(application.path + "-shm"), 1);
    EXPECT_LE(descriptors_of(application.path), 2);
    if (round % 2 == 0) application.insert();
    if (round % 2 == 1) {  // in vain: our mark is in its way
      application.run("PRAGMA busy_timeout=100; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout=20000;");
      application.run("UPDATE counter SET n=n+1;");
    }
    ASSERT_TRUE(awake.try_acquire_for(kPatience));
  }
  archiver.stop();
  ASSERT_EQ(go_on(), Archiver::Pass::kStopped);
  expected[archiver.status().archived.value] = application.digest();
  EXPECT_EQ(expected.size(), 5u);
  for (const auto& [at, digest] : expected)
    EXPECT_EQ(restored_digest(store, application.folder, Txid(at)), digest) << "txid " << at;
  EXPECT_EQ(descriptors_of(application.path), 0);
}

TEST(Archiver, AtRestItAnswersAndSeesThatItsFileWasReplaced) {
  Application application;
  MemoryStore store;
  const SystemClock clock;
  RestWatch rest;
  Archiver archiver(store, clock, quick_to_rest(application, rest), {});
  std::counting_semaphore<> awake{0};
  const auto go_on = [&] { return archiver.go_on([&awake] { awake.release(); }); };
  ASSERT_EQ(go_on(), Archiver::Pass::kResting);
  std::thread asks([&] {
    auto client = OwnerClient::connect(store);
    EXPECT_EQ(client->ask({{"op", "sync"}}, kPatience)["txid"], 1);
  });
  ASSERT_TRUE(awake.try_acquire_for(kPatience));
  ASSERT_EQ(go_on(), Archiver::Pass::kResting);
  asks.join();
  const std::string copy = application.folder.path("copy.db");
  application.run("PRAGMA wal_checkpoint(PASSIVE); INSERT INTO counter VALUES(7);");
  ASSERT_TRUE(awake.try_acquire_for(kPatience));
  ASSERT_EQ(go_on(), Archiver::Pass::kResting);
  std::filesystem::copy_file(application.path, copy);
  std::filesystem::rename(copy, application.path);
  ASSERT_TRUE(awake.try_acquire_for(kPatience));
  archiver.stop();
  EXPECT_EQ(go_on(), Archiver::Pass::kStopped);
}

// What archivers of one process share.
struct Process {
  TestFolder state;
  SystemClock clock;
  RestWatch rest;
  OwnerDesk desk{state.path("")};
  std::shared_ptr<FollowLockFile> locks = std::make_shared<FollowLockFile>(state.path(""));
  Turnstile beginnings{2};

  ArchiverLane::Options lane(const Application& application, ObjectStore& store) {
    return {.make =
                [this, &application, &store](ArchiverLane& lane) {
                  ArchiverOptions options = quick_to_rest(application, rest);
                  options.follow.state_folder = state.path("");
                  options.desk = &desk;
                  options.follow_locks = locks;
                  FollowEvents events;
                  events.following = [&lane](Txid, bool) { lane.begun(); };
                  return std::make_shared<Archiver>(store, clock, options, std::move(events));
                },
            .failed = [](const Error&) { return milliseconds(50); },
            .beginnings = &beginnings};
  }
};

Txid synced(ObjectStore& store) {
  for (int i = 0; i < 3000; i++) {
    try {
      if (auto client = OwnerClient::connect(store))
        return Txid(client->ask({{"op", "sync"}}, kPatience)["txid"].get<std::uint64_t>());
    } catch (const Error&) {
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
  return Txid(0);
}

TEST(ArchiverLane, ManyInOneProcessAnswerEachForItsOwnArchive) {
  Process process;
  std::vector<std::unique_ptr<Application>> applications;
  std::vector<std::unique_ptr<DirectoryStore>> stores;
  std::vector<std::unique_ptr<ArchiverLane>> lanes;
  for (int i = 0; i < 6; i++) {
    applications.push_back(std::make_unique<Application>());
    stores.push_back(std::make_unique<DirectoryStore>(applications.back()->folder.path("archive")));
    lanes.push_back(
        std::make_unique<ArchiverLane>(process.rest, process.lane(*applications.back(), *stores.back())));
  }
  for (int i = 0; i < 6; i++) EXPECT_EQ(synced(*stores[i]), Txid(1));
  for (int i = 0; i < 6; i++) {
    for (int commits = 0; commits < i; commits++) applications[i]->insert();
  }
  for (int i = 0; i < 6; i++) EXPECT_EQ(synced(*stores[i]), Txid(1 + i)) << i;
  lanes.clear();
  for (int i = 0; i < 6; i++)
    EXPECT_EQ(restored_digest(*stores[i], applications[i]->folder, {}), applications[i]->digest());
}

// As many as may begin at a time, and all hang.
TEST(ArchiverLane, StoresThatHangHoldUpNoOther) {
  Process process;
  Application well;
  DirectoryStore good(well.folder.path("archive"));
  std::array<Application, 2> ill;
  std::array<FaultyStore, 2> hung;
  std::vector<std::unique_ptr<ArchiverLane>> lanes;
  for (std::size_t i = 0; i < hung.size(); i++) {
    hung[i].place = fmt::format("hung {}", i);
    hung[i].hold_puts();
    lanes.push_back(std::make_unique<ArchiverLane>(process.rest, process.lane(ill[i], hung[i])));
  }
  lanes.push_back(std::make_unique<ArchiverLane>(process.rest, process.lane(well, good)));
  for (std::uint64_t commits = 1; commits <= 3; commits++) {
    EXPECT_EQ(synced(good), Txid(commits));
    well.insert();
  }
  for (FaultyStore& store : hung) store.let_puts_go();
  for (FaultyStore& store : hung) EXPECT_EQ(synced(store), Txid(1));
  lanes.clear();
  for (std::size_t i = 0; i < hung.size(); i++)
    EXPECT_EQ(restored_digest(hung[i], ill[i].folder, {}), ill[i].digest());
}

// What is captured is in the spool by then, and the database is closed: a process may end.
TEST(ArchiverLane, LetsGoOfTheDatabaseThoughItsStoreHangs) {
  Process process;
  Application application;
  FaultyStore store;
  auto lane = std::make_unique<ArchiverLane>(process.rest, process.lane(application, store));
  EXPECT_EQ(synced(store), Txid(1));
  EXPECT_FALSE(lane->has_let_go());
  store.hold_puts();
  application.insert();
  lane->stop();
  while (!lane->has_let_go()) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(descriptors_of(application.path), 0);
  EXPECT_FALSE(lane->wait_until_over(milliseconds(0)));
  store.let_puts_go();
  lane.reset();
  EXPECT_EQ(restored_digest(store, application.folder, Txid(2)), application.digest());
}

TEST(ArchiverLane, WhatCannotBeginIsTriedAgain) {
  Process process;
  Application application;
  FaultyStore store;
  store.read_only = true;
  ArchiverLane lane(process.rest, process.lane(application, store));
  store.read_only = false;
  EXPECT_EQ(synced(store), Txid(1));
  lane.stop();
  EXPECT_TRUE(lane.wait_until_over(kPatience));
}

}  // namespace
}  // namespace litewright
