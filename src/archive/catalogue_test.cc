#include "archive/catalogue.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "archive/bare_segments.h"
#include "archive/cover.h"
#include "archive/documents.h"
#include "base/error.h"
#include "base/time_text.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

const SystemClock kClock;

void put_text(ObjectStore& store, const std::string& name, const std::string& text) {
  store.replace(name, std::as_bytes(std::span(text)));
}

std::string ranges(const std::vector<const SegmentEntry*>& line) {
  std::string text;
  for (const SegmentEntry* entry : line) {
    text += fmt::format("({}..{}]", entry->header.base.value, entry->last.txid.value);
  }
  return text;
}

std::string ranges(const std::vector<MissingRange>& missing) {
  std::string text;
  for (const MissingRange& range : missing) {
    text += fmt::format("({}..{}]", range.base.value, range.last.value);
  }
  return text;
}

struct Case {
  const char* name;
  std::vector<std::array<std::uint64_t, 3>> segments;  // base, last, first commit (0: base + 1)
  const char* line;
  const char* missing;
  std::vector<std::array<std::uint64_t, 2>> restorable;
};

TEST(Catalogue, ChoosesALineNamesHolesAndKnowsWhatCanBeRestored) {
  const Case cases[] = {
      {"nothing", {}, "", "", {}},
      {"a chain", {{0, 1}, {1, 5}, {5, 9}}, "(0..1](1..5](5..9]", "", {{1, 9}}},
      {"merged beside its parts", {{0, 1}, {1, 5}, {5, 9}, {1, 9}}, "(0..1](1..9]", "", {{1, 9}}},
      {"a snapshot beside the chain",
       {{0, 1}, {1, 5}, {0, 5, 5}, {5, 9}},
       "(0..1](1..5](5..9]",
       "",
       {{1, 9}}},
      {"a snapshot in the middle of a segment", {{0, 1}, {1, 9}, {0, 5, 5}}, "(0..1](1..9]", "", {{1, 9}}},
      {"a hole", {{0, 1}, {1, 5}, {9, 12}}, "(0..1](1..5](9..12]", "(5..9]", {{1, 5}}},
      {"a hole and a snapshot after it",
       {{0, 1}, {7, 9}, {0, 9, 9}, {9, 12}},
       "(0..1](7..9](9..12]",
       "(1..7]",
       {{1, 1}, {9, 12}}},
      {"no snapshot", {{3, 5}, {5, 9}}, "(3..5](5..9]", "(0..3]", {}},
      {"the oldest snapshot gone",
       {{1, 5}, {5, 9}, {0, 9, 9}, {9, 10}},
       "(0..9](9..10]",
       "(0..1]",
       {{9, 10}}},
      {"a snapshot of many commits", {{0, 9}, {9, 10}}, "(0..9](9..10]", "", {{1, 10}}},
      {"two partly overlapping", {{0, 1}, {1, 6}, {4, 9}}, "(0..1](1..6](4..9]", "", {{1, 9}}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    MemoryStore store;
    for (const auto& [base, last, first] : c.segments) put_bare_segment(store, base, last, first);
    const Catalogue catalogue = Catalogue::load(store);
    EXPECT_EQ(ranges(catalogue.line()), c.line);
    EXPECT_EQ(ranges(catalogue.missing()), c.missing);
    std::vector<std::array<std::uint64_t, 2>> restorable;
    for (const CommitRange& range : restorable_commits(catalogue.segments)) {
      restorable.push_back({range.first.value, range.last.value});
    }
    EXPECT_EQ(restorable, c.restorable);
  }
}

TEST(Catalogue, IsEmptyForAnEmptyStore) {
  const Catalogue catalogue = Catalogue::load(MemoryStore());
  EXPECT_FALSE(catalogue.identity);
  EXPECT_FALSE(catalogue.newest());
  EXPECT_FALSE(catalogue.oldest());
  EXPECT_TRUE(catalogue.line().empty());
}

TEST(Catalogue, FindsItsIdentityAndPointsAgain) {
  MemoryStore store;
  const ArchiveIdentity made = ensure_archive(store, "/data/a \"b\" ü.db", kClock);
  EXPECT_EQ(made.id.size(), 32u);
  EXPECT_EQ(ensure_archive(store, "/elsewhere.db", kClock).id, made.id);
  put_bare_segment(store, 0, 5);
  put_point(store, {"b", Txid(4), sample_second(40)});
  put_point(store, {"a", Txid(2), sample_second(20)});
  const Catalogue catalogue = Catalogue::load(store);
  ASSERT_TRUE(catalogue.identity);
  EXPECT_EQ(catalogue.identity->database, "/data/a \"b\" ü.db");
  EXPECT_EQ(catalogue.identity->created, made.created);
  ASSERT_EQ(catalogue.points.size(), 2u);
  EXPECT_EQ(catalogue.points[0].name, "a");
  EXPECT_EQ(catalogue.find_point("b")->created, sample_second(40));
  EXPECT_EQ(catalogue.find_point("c"), nullptr);
  EXPECT_EQ(catalogue.oldest()->txid, Txid(1));
  EXPECT_EQ(catalogue.newest()->txid, Txid(5));
}

TEST(Catalogue, APointIsReplacedOnlyByOneOfTheSameCommit) {
  MemoryStore store;
  put_point(store, {"release", Txid(4), sample_second(40)});
  put_point(store, {"release", Txid(4), sample_second(90)});
  EXPECT_THROW(put_point(store, {"release", Txid(5), sample_second(50)}), Error);
  EXPECT_EQ(Catalogue::load(store).find_point("release")->created, sample_second(90));
  for (const char* name : {"", ".", "..", "a/b", "ü", "a b"}) {
    EXPECT_THROW(put_point(store, {name, Txid(4), sample_second(40)}), Error) << name;
  }
}

RestoreProof sample_proof(std::uint64_t txid, int when) {
  return {.txid = Txid(txid),
          .checksum = {txid, 0xfedcba9876543210u},
          .proven_at = WallTime(std::chrono::seconds(1'900'000'000 + when)),
          .restore_time = std::chrono::milliseconds(2310),
          .bytes = 4096,
          .bytes_read = 1024,
          .checks = {"checksum", "quick_check"},
          .host = "db\"1"};
}

TEST(Catalogue, FindsProofsAgainAndTellsTheNewestCommitProvenThatIsStillHeld) {
  MemoryStore store;
  put_bare_segment(store, 0, 5, 3);
  EXPECT_EQ(Catalogue::load(store).newest_proof(), nullptr);
  put_proof(store, sample_proof(2, 1));  // of a commit that was since removed
  EXPECT_EQ(Catalogue::load(store).newest_proof(), nullptr);
  put_proof(store, sample_proof(5, 2));
  put_proof(store, sample_proof(4, 3));
  put_proof(store, sample_proof(9, 4));
  const Catalogue catalogue = Catalogue::load(store);
  ASSERT_EQ(catalogue.proofs.size(), 4u);
  EXPECT_EQ(catalogue.newest_proof(), &catalogue.proofs[1]);
  const RestoreProof& read = catalogue.proofs[1];
  const RestoreProof made = sample_proof(5, 2);
  EXPECT_EQ(read.checksum, made.checksum);
  EXPECT_EQ(read.proven_at, made.proven_at);
  EXPECT_EQ(read.restore_time, made.restore_time);
  EXPECT_EQ(read.bytes, made.bytes);
  EXPECT_EQ(read.bytes_read, made.bytes_read);
  EXPECT_EQ(read.checks, made.checks);
  EXPECT_EQ(read.host, made.host);
  EXPECT_TRUE(catalogue.bad_objects.empty());
}

TEST(Catalogue, KeepsTheLastProofsAndTheOneOfTheNewestCommit) {
  MemoryStore store;
  put_bare_segment(store, 0, 5);
  put_proof(store, sample_proof(5, 0));
  for (std::size_t i = 1; i <= kMostProofs + 1; ++i) put_proof(store, sample_proof(3, static_cast<int>(i)));
  const Catalogue catalogue = Catalogue::load(store);
  EXPECT_EQ(catalogue.proofs.size(), kMostProofs + 1);
  EXPECT_EQ(catalogue.newest_proof()->txid, Txid(5));
  EXPECT_EQ(catalogue.proofs[1].proven_at, sample_proof(3, 2).proven_at);
}

TEST(Catalogue, RefusesAProofThatIsNotWhatItShouldBe) {
  const std::string sound = proof_document(sample_proof(5, 0));
  const std::string name = proof_object(sample_proof(5, 0));
  EXPECT_EQ(name, "proofs/0000000000000005-20300317T174640.000000000Z.json");
  const std::pair<const char*, const char*> changes[] = {{"\"txid\": 5", "\"txid\": 6"},
                                                         {"\"txid\": 5", "\"txid\": -5"},
                                                         {"2.31", "-1"},
                                                         {"2.31", "\"2\""},
                                                         {"fedcba98", "FEDCBA98"},
                                                         {"fedcba98", "fedcba9"},
                                                         {"\"quick_check\"", "7"},
                                                         {"[", "{\"a\":["},
                                                         {"17:46:40.0", "17:46:41.0"},
                                                         {"\"bytes\": 4096", "\"bytes\": 4096.5"},
                                                         {"\"host\"", "\"guest\""}};
  for (const auto& [from, to] : changes) {
    std::string text = sound;
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), std::string_view(from).size(), to);
    EXPECT_THROW(parse_proof(text, name), Error) << text;
  }
  EXPECT_EQ(parse_proof(sound, name).txid, Txid(5));
}

TEST(Catalogue, ReportsBadObjectsAndReadsTheRest) {
  MemoryStore store;
  put_bare_segment(store, 0, 5);
  put_bare_segment(store, 5, 7);
  std::string cut = read_object(store, segment_name(Txid(5), Txid(7)));
  cut.resize(cut.size() - 3);
  put_text(store, segment_name(Txid(5), Txid(7)), cut);
  put_text(store, "segments/what", "");
  put_text(store, "points/p.json", point_document({"q", Txid(3), WallTime{}}));
  put_text(store, "archive.json", "no json");
  const Catalogue catalogue = Catalogue::load(store);
  EXPECT_EQ(catalogue.segments.size(), 1u);
  std::vector<std::string> names;
  for (const BadObject& object : catalogue.bad_objects) names.push_back(object.name);
  EXPECT_EQ(names, (std::vector<std::string>{"archive.json", "points/p.json", segment_name(Txid(5), Txid(7)),
                                             "segments/what"}));
}

TEST(Catalogue, TakesADamagedNumberOfTheFormatForDamageNotForTheFuture) {
  MemoryStore store;
  const SystemClock clock;
  ensure_archive(store, "/data/app.db", clock);
  std::string text = read_object(store, "archive.json");
  text[text.find(": 1") + 2] = '3';
  put_text(store, "archive.json", text);
  const Catalogue catalogue = Catalogue::load(store);
  ASSERT_EQ(catalogue.bad_objects.size(), 1u);
  EXPECT_EQ(catalogue.bad_objects[0].reason, "archive.json: its checksum is not the recorded one");
}

TEST(Catalogue, RefusesAnArchiveOfAFutureFormatWithAHintToUpgrade) {
  MemoryStore store;
  put_text(store, "archive.json", R"({"format": 2, "anything": []})");
  try {
    Catalogue::load(store);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
    EXPECT_NE(error.hint().find("upgrade"), std::string::npos);
  }
}

TEST(Catalogue, ReadsManyFootersWithSeveralThreads) {
  MemoryStore store;
  put_bare_segment(store, 0, 1);
  for (std::uint64_t txid = 1; txid < 300; ++txid) put_bare_segment(store, txid, txid + 1);
  EXPECT_EQ(Catalogue::load(store).line().size(), 300u);
}

}  // namespace
}  // namespace litewright
