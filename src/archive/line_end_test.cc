// The end of the line, and what shows that a database does not continue it.
#include "archive/line_end.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "archive/follow_samples.h"
#include "archive/followed_file.h"
#include "archive/fork_evidence.h"
#include "archive/restore_plan.h"
#include "base/bytes.h"
#include "base/durable_file.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace follow_samples;
namespace fs = std::filesystem;

constexpr std::uint64_t kFence = 7;

// An archive of one database with a few commits, and its last txid.
struct Archived {
  Archived() {
    application.insert(20'000);
    RunningFollower follower(store, follow_options(application));
    follower.sync();
    application.insert();
    last = follower.sync();
    follower.stop();
  }
  LineEnd line_end(std::uint32_t page_size) const {
    Ledger ledger(LedgerOptions{.folder = application.folder.path(""), .page_size = page_size});
    return LineEnd(store, Catalogue::load(store), page_size, kFence, ledger);
  }
  Application application;
  MemoryStore store;
  Txid last;
};

TEST(LineEnd, NextSegmentBeginsBehindTheNewestCommit) {
  const Archived archived;
  LineEnd line = archived.line_end(4096);
  EXPECT_EQ(line.last(), archived.last);
  EXPECT_TRUE(line.position());
  const SegmentHeader next = line.header(archived.last.next());
  EXPECT_EQ(next.base, archived.last);
  EXPECT_EQ(next.last, archived.last.next());
  EXPECT_EQ(next.fence, kFence);
  EXPECT_EQ(next.epoch, 1u);
  line.sealed(archived.last.next(), {});
  EXPECT_EQ(line.header(Txid(99)).base, archived.last.next());
}

TEST(LineEnd, PagesOfAnotherSizeBeginWithASnapshotOfTheSameLine) {
  const Archived archived;
  const LineEnd line = archived.line_end(8192);
  EXPECT_TRUE(line.other_page_size());
  EXPECT_FALSE(line.position());
  EXPECT_EQ(line.last(), archived.last);
  const SegmentHeader next = line.header(archived.last.next());
  EXPECT_EQ(next.base, Txid(0));
  EXPECT_EQ(next.epoch, 1u);
  EXPECT_EQ(next.page_size, 8192u);
}

TEST(LineEnd, ASegmentBearsWitnessOfWhatItWasBuiltOn) {
  const Archived archived;
  const Catalogue catalogue = Catalogue::load(archived.store);
  const CommitRecord newest = *catalogue.newest();
  LineEnd line = archived.line_end(4096);
  EXPECT_EQ(line.header(archived.last.next()).witnesses[0],
            (StateWitness{archived.last, newest.checksum.low}));
  CommitRecord commit = newest;
  commit.txid = archived.last.next();
  commit.checksum.low++;
  line.sealed(commit.txid, std::span(&commit, 1));
  const StateWitnesses then = line.header(Txid(99)).witnesses;
  EXPECT_EQ(then[0], (StateWitness{commit.txid, commit.checksum.low}));
  EXPECT_EQ(then[1], (StateWitness{archived.last, newest.checksum.low}));
}

// Damage at every place of the archive, by every way: the next segment is a snapshot above all that is named.
TEST(LineEnd, DamageIsSteppedOverWithASnapshotOfNumbersNeverUsed) {
  const auto cut = [](std::string& object) { object.resize(object.size() / 2); };
  const auto flip_tables = [](std::string& object) {
    for (std::size_t i = 60; i + 360 < object.size(); ++i) object[i] = static_cast<char>(~object[i]);
  };
  for (const bool newest : {true, false}) {
    for (int way = 0; way < 3; ++way) {
      Archived archived;
      const Catalogue before = Catalogue::load(archived.store);
      const std::string name = newest ? before.segments.back().name : before.segments.front().name;
      std::string object = read_object(archived.store, name);
      if (way == 0) cut(object);
      if (way == 1) flip_tables(object);
      if (way == 2) {
        put_point(archived.store, {.name = "told", .txid = archived.last});
        archived.store.remove(name);
      } else {
        archived.store.replace(name, std::as_bytes(std::span(object)));
      }
      const LineEnd line = archived.line_end(4096);
      SCOPED_TRACE(name + " damaged by way " + std::to_string(way));
      ASSERT_TRUE(line.damage());
      EXPECT_FALSE(line.goes_on());
      EXPECT_FALSE(line.position());
      EXPECT_EQ(line.last(), archived.last);
      const SegmentHeader next = line.header(line.last().next());
      EXPECT_EQ(next.base, Txid(0));
      EXPECT_EQ(next.last, archived.last.next());
      EXPECT_EQ(damaged_line_finding(line, "app.db")->severity, Severity::kCritical);
    }
  }
}

TEST(LineEnd, FollowingGoesOnOverDamageAndLosesNothingElse) {
  Archived archived;
  const std::string name = Catalogue::load(archived.store).segments.back().name;
  archived.store.replace(name, bytes_of("no segment"));
  archived.application.insert();
  std::vector<Finding> findings;
  FollowEvents events;
  events.finding = [&findings](const Finding& finding) { findings.push_back(finding); };
  RunningFollower follower(archived.store, follow_options(archived.application), events);
  EXPECT_EQ(follower.sync(), archived.last.next());
  archived.application.insert();
  EXPECT_EQ(follower.sync(), Txid(archived.last.value + 2));
  follower.stop();
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
  EXPECT_EQ(findings[1].severity, Severity::kOk);
  const Catalogue after = Catalogue::load(archived.store);
  ASSERT_EQ(after.missing().size(), 1u);
  EXPECT_EQ(after.missing()[0].last, archived.last);
  ASSERT_EQ(after.bad_objects.size(), 1u);
  EXPECT_EQ(after.bad_objects[0].name, name);
  EXPECT_EQ(plan_restore(archived.store, after, {}).segments.front().first.txid, archived.last.next());
}

TEST(LineEnd, AForkNamesItsParentInOneSegmentOnly) {
  const Archived archived;
  LineEnd line = archived.line_end(4096);
  line.fork();
  line.fork();
  EXPECT_EQ(line.header(Txid(9)).epoch, 2u);
  EXPECT_EQ(line.header(Txid(9)).parent_epoch, 1u);
  line.sealed(Txid(9), {});
  EXPECT_EQ(line.header(Txid(10)).epoch, 2u);
  EXPECT_EQ(line.header(Txid(10)).parent_epoch, 0u);
}

TEST(ForkEvidence, OnlyALowerChangeCounterIsOne) {
  std::vector<std::byte> first(100);
  const auto evidence = [&](std::optional<std::uint32_t> archived, std::uint32_t now) {
    store_be32(first, 24, now);
    return counter_went_back(archived, first).has_value();
  };
  EXPECT_FALSE(evidence(7, 7));
  EXPECT_FALSE(evidence(7, 8));
  EXPECT_TRUE(evidence(7, 6));
  EXPECT_FALSE(evidence(0xffffffff, 0));  // it wrapped
  EXPECT_TRUE(evidence(0, 0xffffffff));
  EXPECT_FALSE(evidence(std::nullopt, 6));
}

TEST(ForkEvidence, TheArchivedCounterIsTheDatabases) {
  Archived archived;
  archived.application.run("PRAGMA wal_checkpoint(TRUNCATE);");
  archived.application.shell.close();
  const std::string file = read_whole_file(archived.application.path, 1 << 20);
  EXPECT_EQ(archived_change_counter(archived.store, Catalogue::load(archived.store)),
            load_be32(bytes_of(file), 24));
}

TEST(FollowedFile, KnowsAFileThatTookThePlace) {
  const TestFolder folder;
  const std::string path = folder.path("app.db");
  write_file_durably(path, bytes_of("one"));
  if (!identify_file(path)) GTEST_SKIP() << "this file system tells no birth";
  FollowedFile first(folder.path(""), "archive", path);
  first.look();
  EXPECT_FALSE(first.was_replaced());
  first.remember(WallTime(std::chrono::nanoseconds(42)));

  FollowedFile again(folder.path(""), "archive", path);
  again.look();
  EXPECT_FALSE(again.was_replaced());
  EXPECT_EQ(again.known_at().time_since_epoch().count(), 42);

  write_file_durably(path, bytes_of("two"));  // another file of that name
  again.look();
  EXPECT_TRUE(again.was_replaced());
  FollowedFile other_archive(folder.path(""), "another", path);
  other_archive.look();
  EXPECT_FALSE(other_archive.was_replaced());
}

TEST(FollowedFile, ADamagedNoteIsNone) {
  const TestFolder folder;
  const std::string path = folder.path("app.db");
  write_file_durably(path, bytes_of("one"));
  FollowedFile first(folder.path(""), "archive", path);
  first.look();
  first.remember(WallTime(std::chrono::nanoseconds(42)));
  for (const auto& entry : fs::directory_iterator(folder.path(""))) {
    if (entry.path().extension() == ".json") write_file_durably(entry.path(), bytes_of("{\"database\": 7"));
  }
  const FollowedFile again(folder.path(""), "archive", path);
  EXPECT_FALSE(again.was_replaced());
  EXPECT_EQ(again.known_at(), WallTime{});
}

}  // namespace
}  // namespace litewright
