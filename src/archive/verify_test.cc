#include "archive/verify.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "archive/chain_proof.h"
#include "archive/compaction.h"
#include "archive/documents.h"
#include "archive/history_samples.h"
#include "base/durable_file.h"
#include "base/error.h"
#include "base/test_effort.h"
#include "base/test_folder.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace history_samples;

const SystemClock kClock;

std::string text(const VerifyReport& report) {
  std::string text;
  for (const VerifyDamage& damage : report.damage) {
    text += damage.object + ": " + damage.what + " (" + std::to_string(damage.first_lost.value) + " to " +
            std::to_string(damage.last_lost.value) + ")\n";
  }
  return text;
}

// Snapshot, deltas, a later snapshot beside them, and a merged segment beside its parts.
struct Archive {
  explicit Archive(std::uint32_t seed, int commits = 60) : history({.seed = seed, .commits = commits}) {
    ensure_archive(store, "app.db", kClock);
    history.write(store);
  }
  void add_snapshot(Txid txid) {
    RestorePoint point;
    point.tx = txid;
    collapse(store, plan_restore(store, Catalogue::load(store), point), {});
  }
  void merge(int first, std::size_t count, bool remove) {
    std::vector<SegmentEntry> parts;
    for (const SegmentEntry& entry : Catalogue::load(store).segments) {
      const bool adjoins = parts.empty() || entry.header.base == parts.back().last.txid;
      if (entry.is_snapshot() || first-- > 0 || parts.size() == count || !adjoins) continue;
      parts.push_back(entry);
    }
    const CompactedSegment merged = merge_segments(store, parts, {});
    if (remove) remove_replaced(store, merged, parts);
  }
  // The commits that come back right; any that come back wrong fail the test.
  std::vector<bool> right_commits() {
    std::vector<bool> right;
    for (const CommitRecord& commit : history.commits()) {
      try {
        right.push_back(restored(store, commit.txid) == history.state(commit.txid));
        EXPECT_TRUE(right.back()) << "commit " << commit.txid.value << " was restored wrongly";
      } catch (const Error& error) {
        right.push_back(false);
        EXPECT_TRUE(error.code() == ErrorCode::kDamaged || error.code() == ErrorCode::kNoDatabase)
            << error.what();
      }
    }
    return right;
  }

  MemoryStore store;
  History history;
};

std::vector<std::byte> content_of(const ObjectStore& store, const std::string& name) {
  const std::string content = read_object(store, name);
  const Bytes bytes = std::as_bytes(std::span(content));
  return {bytes.begin(), bytes.end()};
}

void expect_lost_as_reported(const VerifyReport& report, const std::vector<bool>& right) {
  for (std::size_t i = 0; i < right.size(); ++i) {
    const Txid txid(i + 1);
    const bool told = std::ranges::any_of(report.damage, [&](const VerifyDamage& damage) {
      return damage.first_lost <= txid && txid <= damage.last_lost;
    });
    EXPECT_EQ(told, !right[i]) << "commit " << txid.value << "\n" << text(report);
  }
}

TEST(Verify, FindsNothingInSoundArchivesOfAnyShape) {
  for (std::uint32_t seed = 1; seed <= rounds({.brief = 6, .full = 15}); ++seed) {
    SCOPED_TRACE(seed);
    Archive archive(seed);
    archive.merge(1, 3, seed % 2 == 0);
    archive.add_snapshot(Txid(31));
    archive.merge(2, 4, seed % 3 == 0);
    put_point(archive.store, {"release-1", Txid(20), kClock.wall()});
    std::uint64_t done = 0, all = 1;
    const VerifyReport report = verify_archive(
        archive.store,
        {.threads = 2, .progress = [&](std::uint64_t d, std::uint64_t a) { done = d, all = a; }});
    EXPECT_EQ(text(report), "");
    EXPECT_TRUE(report.missing.empty());
    EXPECT_EQ(report.commits, 60u);
    EXPECT_GT(report.page_versions, 200u);
    EXPECT_EQ(done, all);
    EXPECT_EQ(std::ranges::count(archive.right_commits(), true), 60);
  }
}

TEST(Verify, NamesTheLostCommitsOfEachSingleObjectDeletedOrTheRestIsRight) {
  for (std::uint32_t seed = 1; seed <= rounds({.brief = 2, .full = 4}); ++seed) {
    SCOPED_TRACE(seed);
    Archive archive(seed);
    archive.add_snapshot(Txid(31));
    archive.merge(3, 2, false);
    put_point(archive.store, {"newest", Txid(60), kClock.wall()});
    for (const ObjectInfo& object : archive.store.list("segments/")) {
      SCOPED_TRACE(object.name);
      const auto content = content_of(archive.store, object.name);
      archive.store.remove(object.name);
      const std::vector<bool> right = archive.right_commits();
      const VerifyReport report = verify_archive(archive.store, {});
      const bool newest = parse_segment_name(object.name)->second == Txid(60);
      if (newest) {
        // Only the point that names commit 60 tells that there was one.
        ASSERT_EQ(report.damage.size(), 1u) << text(report);
        EXPECT_EQ(report.damage.front().object, "points/newest.json");
      } else {
        expect_lost_as_reported(report, right);
      }
      put_object(archive.store, object.name, content);
    }
    EXPECT_EQ(text(verify_archive(archive.store, {})), "");
  }
}

TEST(Verify, FindsEveryFlippedBitAndNothingIsRestoredWrongly) {
  std::mt19937 random(99);
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    Archive archive(seed, 25);
    archive.add_snapshot(Txid(15));
    for (std::uint32_t i = 0; i < rounds({.brief = 20, .full = 60}); ++i) {
      const auto objects = archive.store.list("segments/");
      const std::string name = objects[random() % objects.size()].name;
      const auto content = content_of(archive.store, name);
      auto damaged = content;
      const std::size_t at = random() % damaged.size();
      damaged[at] ^= static_cast<std::byte>(1u << random() % 8);
      SCOPED_TRACE(name + " byte " + std::to_string(at));
      archive.store.replace(name, damaged);
      const VerifyReport report = verify_archive(archive.store, {});
      ASSERT_EQ(report.damage.size(), 1u) << text(report);
      EXPECT_EQ(report.damage.front().object, name);
      // What is told as lost may in part still come back; what is not told must.
      const std::vector<bool> right = archive.right_commits();
      for (std::size_t lost = 0; lost < right.size(); ++lost) {
        const Txid txid(lost + 1);
        const VerifyDamage& damage = report.damage.front();
        EXPECT_TRUE(right[lost] || (damage.first_lost <= txid && txid <= damage.last_lost)) << txid.value;
      }
      archive.store.replace(name, content);
    }
  }
}

// A segment whose bytes are sound and whose content is not: a fault of capture, which only verify can find.
std::string write_wrong_segment(Archive& archive, bool wrong_page) {
  const CommitRecord& newest = archive.history.commits().back();
  const std::uint32_t size = 512;
  Page page(size, std::byte{9});
  CommitRecord commit = newest;
  commit.txid = newest.txid.next();
  const Checksum128 old = page_checksum(PageNumber(1), Bytes(archive.history.state(newest.txid)).first(size));
  commit.checksum -= old;
  commit.checksum += page_checksum(PageNumber(1), page);
  if (!wrong_page) commit.checksum += Checksum128{1, 0};
  SegmentWriter writer(archive.store,
                       {.header = {.page_size = size, .base = newest.txid, .last = commit.txid}});
  if (wrong_page) page[0] = std::byte{8};
  const Checksum128 recorded = page_checksum(PageNumber(1), Page(size, std::byte{9}));
  writer.add({PageNumber(1), commit.txid, PageVersion::Kind::kWhole, page, recorded});
  writer.finish(std::span(&commit, 1), std::nullopt);
  return segment_name(newest.txid, commit.txid);
}

TEST(Verify, FindsAPageAndASumThatCaptureRecordedWrongly) {
  for (const bool wrong_page : {true, false}) {
    Archive archive(5);
    const std::string name = write_wrong_segment(archive, wrong_page);
    const VerifyReport report = verify_archive(archive.store, {});
    ASSERT_EQ(report.damage.size(), 1u) << text(report);
    EXPECT_EQ(report.damage[0].object, name);
    EXPECT_EQ(report.damage[0].first_lost, Txid(61));
    EXPECT_EQ(report.damage[0].last_lost, Txid(61));
    EXPECT_NE(report.damage[0].what.find(wrong_page ? "page 1 as of commit 61" : "commit 61: its pages"),
              std::string::npos)
        << report.damage[0].what;
  }
}

TEST(Verify, NamesBadDocumentsAndPointsThatLeadNowhere) {
  Archive archive(6);
  const auto put = [&](const std::string& name, const std::string& content) {
    archive.store.replace(name, std::as_bytes(std::span(content)));
  };
  put("archive.json", "{");
  put("points/bad.json", "[]");
  put("points/far.json", point_document({"far", Txid(1000), kClock.wall()}));
  put("segments/notes.txt", "hello");
  const VerifyReport report = verify_archive(archive.store, {});
  std::vector<std::string> objects;
  for (const VerifyDamage& damage : report.damage) objects.push_back(damage.object);
  EXPECT_EQ(objects, (std::vector<std::string>{"archive.json", "points/bad.json", "segments/notes.txt",
                                               "points/far.json"}))
      << text(report);
}

void flip(ObjectStore& store, const std::string& name, std::size_t at) {
  std::vector<std::byte> content = content_of(store, name);
  content[at] ^= std::byte{1};
  store.replace(name, content);
}

TEST(Verify, ARunThatWasStoppedGoesOnWhereItWas) {
  const TestFolder folder;
  const std::string file = folder.path("verify.json");
  Archive archive(4);
  const std::vector<std::string>& segments = archive.history.segments();
  const auto run = [&](VerifyRecord::Begin begin, const char* subset, std::uint64_t stop_after) {
    VerifyRecord record(file, kClock);
    VerifyOptions options{
        .threads = 1, .subset = DataSubset::parse(subset), .record = &record, .begin = begin};
    std::uint64_t calls = 0;
    options.progress = [&](std::uint64_t, std::uint64_t) {
      if (++calls > stop_after) throw Error(ErrorCode::kLocked, "stopped");
    };
    return verify_archive(archive.store, options);
  };
  using Begin = VerifyRecord::Begin;
  constexpr std::uint64_t kNever = ~std::uint64_t{0};
  flip(archive.store, segments[0], 70);
  EXPECT_THROW(run(Begin::kResume, "1/1", 3), Error);
  // What was read counts as it was then: sound now, and the first object's fault is remembered.
  flip(archive.store, segments[0], 70);
  flip(archive.store, segments[1], 70);
  flip(archive.store, segments[5], 70);
  const VerifyReport resumed = run(Begin::kResume, "1/1", kNever);
  EXPECT_TRUE(resumed.resumed_from);
  ASSERT_EQ(resumed.damage.size(), 2u) << text(resumed);
  EXPECT_EQ(resumed.damage[0].object, segments[0]);
  EXPECT_EQ(resumed.damage[1].object, segments[5]);
  // Nothing is left of it after its end; another subset, or --restart, does not go on with it either.
  EXPECT_FALSE(run(Begin::kResume, "1/1", kNever).resumed_from);
  EXPECT_THROW(run(Begin::kResume, "1/1", 3), Error);
  EXPECT_FALSE(run(Begin::kResume, "100%", kNever).resumed_from);
  EXPECT_THROW(run(Begin::kResume, "1/1", 3), Error);
  EXPECT_FALSE(run(Begin::kAnew, "1/1", kNever).resumed_from);
}

TEST(Verify, AStoppedRunOfTheWholeNamesTheSameDamageInTheEnd) {
  for (const std::uint64_t stop_after : {0u, 5u, 15u, 30u, 50u}) {
    SCOPED_TRACE(stop_after);
    const TestFolder folder;
    Archive archive(6);
    archive.add_snapshot(Txid(30));
    flip(archive.store, archive.history.segments()[7], 100);
    const VerifyReport at_once = verify_archive(archive.store, {.threads = 1});
    std::optional<VerifyReport> report;
    for (int tries = 0; !report && tries < 200; ++tries) {
      VerifyRecord record(folder.path("verify.json"), kClock);
      VerifyOptions options{.threads = 1, .record = &record};
      std::uint64_t calls = 0;
      options.progress = [&](std::uint64_t, std::uint64_t) {
        if (++calls > stop_after + static_cast<std::uint64_t>(tries))
          throw Error(ErrorCode::kLocked, "stopped");
      };
      try {
        report = verify_archive(archive.store, options);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kLocked);
      }
    }
    ASSERT_TRUE(report);
    EXPECT_EQ(text(*report), text(at_once));
    EXPECT_EQ(report->commits, at_once.commits);
  }
}

TEST(Verify, WhatWasProvenLatelyIsNotReadAgainWhereThatIsAsked) {
  const TestFolder folder;
  Archive archive(4);
  const std::vector<std::string>& segments = archive.history.segments();
  const auto run = [&](std::chrono::nanoseconds trust) {
    VerifyRecord record(folder.path("verify.json"), kClock);
    return verify_archive(archive.store, {.threads = 1, .record = &record, .trust = trust});
  };
  using std::chrono::hours;
  EXPECT_EQ(run(hours(24)).trusted_objects, 0u);
  flip(archive.store, segments[2], 70);
  EXPECT_EQ(run(hours(24)).trusted_objects, segments.size());
  EXPECT_TRUE(run(hours(24)).damage.empty());
  flip(archive.store, segments[2], 70);
  archive.add_snapshot(Txid(30));
  const VerifyReport with_new = run(hours(24));
  EXPECT_EQ(with_new.trusted_objects, segments.size());
  EXPECT_EQ(with_new.data_objects, 1u);
  flip(archive.store, segments[2], 70);
  // Asked for all, it sees the old object's damage, and from then on knows it to be damaged.
  EXPECT_EQ(run({}).damage.size(), 1u);
  const VerifyReport again = run(hours(24));
  EXPECT_EQ(again.damage.size(), 1u);
  EXPECT_GE(again.data_objects, 1u);
}

TEST(Verify, ARecordThatCannotBeReadIsAsIfThereWereNone) {
  const TestFolder folder;
  const std::string file = folder.path("verify.json");
  Archive archive(4, 10);
  for (const char* content : {"", "{", "[]", R"({"archive": 3})", R"({"archive":"x","begun":7})"}) {
    write_file_durably(file, std::as_bytes(std::span(std::string_view(content))));
    VerifyRecord record(file, kClock);
    const VerifyReport report = verify_archive(archive.store, {.record = &record});
    EXPECT_TRUE(report.damage.empty()) << content << text(report);
    EXPECT_FALSE(report.resumed_from) << content;
  }
  VerifyRecord nowhere("/no such folder/verify.json", kClock);
  EXPECT_TRUE(verify_archive(archive.store, {.record = &nowhere}).damage.empty());
}

TEST(Verify, ASubsetReadsAllIndexesAndTheBytesOfSomeObjects) {
  Archive archive(8);
  const Catalogue catalogue = Catalogue::load(archive.store);
  const DataSubset part = DataSubset::parse("1/2");
  const std::set<std::string> whole = part.choose(catalogue, 0).objects;
  ASSERT_GT(whole.size(), 2u);
  ASSERT_LT(whole.size(), catalogue.segments.size());
  std::size_t found = 0;
  for (const SegmentEntry& entry : catalogue.segments) {
    flip(archive.store, entry.name, 60);  // in the first frame
    const VerifyReport report = verify_archive(archive.store, {.subset = part});
    EXPECT_EQ(report.damage.empty(), !whole.contains(entry.name)) << entry.name << text(report);
    found += report.damage.size();
    flip(archive.store, entry.name, 60);
    const std::size_t index = entry.size - 256 - 64 - 20;  // in the commit index's checksums
    flip(archive.store, entry.name, index);
    EXPECT_FALSE(verify_archive(archive.store, {.subset = part}).damage.empty()) << entry.name;
    flip(archive.store, entry.name, index);
  }
  EXPECT_EQ(found, whole.size());
}

TEST(Verify, FindsAProofOfAnotherStateThanTheArchiveHolds) {
  Archive archive(3, 20);
  const CommitRecord& newest = archive.history.commits().back();
  RestoreProof proof;
  proof.txid = newest.txid;
  proof.checksum = newest.checksum;
  proof.proven_at = kClock.wall();
  put_proof(archive.store, proof);
  EXPECT_TRUE(verify_archive(archive.store, {}).damage.empty());
  proof.checksum.low ^= 1;
  proof.proven_at += std::chrono::seconds(1);
  put_proof(archive.store, proof);
  const VerifyReport report = verify_archive(archive.store, {});
  ASSERT_EQ(report.damage.size(), 1u) << text(report);
  EXPECT_EQ(report.damage[0].object, proof_object(proof));
  EXPECT_EQ(report.damage[0].first_lost, Txid(0));
}

TEST(ChainProof, GoesOnBehindWhatWasProvenBefore) {
  Archive archive(11);
  const Catalogue catalogue = Catalogue::load(archive.store);
  const SegmentChain chain = follow_chain(catalogue.segments, catalogue.segments.front(), Txid(60));
  for (std::size_t before = 0; before <= chain.segments.size(); ++before) {
    ChainProofOptions options{.threads = 1,
                              .scratch_folder = std::filesystem::temp_directory_path().string()};
    options.max_open_runs = 3;
    options.proven_before = before;
    std::uint64_t proven = 0;
    std::size_t done = before;
    options.proven = [&](const CommitRecord&) { ++proven; };
    options.stretch_done = [&](std::size_t segments) {
      EXPECT_GT(segments, done);
      done = segments;
    };
    const auto fault = prove_chain(archive.store, chain, options);
    EXPECT_FALSE(fault) << before << ": " << fault->object << " " << fault->what;
    EXPECT_EQ(done, chain.segments.size());
    EXPECT_EQ(proven, before == 0 ? 60 : 60 - chain.segments[before - 1]->last.txid.value);
  }
}

TEST(ChainProof, HoldsInStretchesOfAnyLength) {
  for (std::uint32_t seed = 1; seed <= rounds({.brief = 9, .full = 25}); ++seed) {
    SCOPED_TRACE(seed);
    Archive archive(seed);
    const Catalogue catalogue = Catalogue::load(archive.store);
    const SegmentChain chain = follow_chain(catalogue.segments, catalogue.segments.front(), Txid(60));
    for (const std::uint64_t max_commits : {1u, 10u, 1000u}) {
      std::uint64_t proven = 0;
      const auto fault = prove_chain(
          archive.store, chain,
          {.threads = 2,
           .scratch_folder = std::filesystem::temp_directory_path(),
           .max_open_runs = 6,
           .max_commits = max_commits,
           .proven = [&](const CommitRecord& commit) { EXPECT_EQ(commit.txid.value, ++proven); }});
      EXPECT_FALSE(fault) << fault->object << ": " << fault->what;
      EXPECT_EQ(proven, 60u);
    }
  }
}

}  // namespace
}  // namespace litewright
