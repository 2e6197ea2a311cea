// tests/data/segment-vN.lws was written when format version N was fixed. Today's reader must read them all,
// and today's writer must make the same as the newest, whatever zstd it is linked with: compressed bytes are
// compared as what they hold. LITEWRIGHT_WRITE_GOLDEN=1 writes that anew: only with a new format version.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "archive/frame_press.h"
#include "archive/segment.h"
#include "archive/segment_bytes.h"
#include "archive/segment_format.h"
#include "archive/segment_samples.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace segment_format;
using namespace segment_samples;

const std::string kFirst = LITEWRIGHT_SOURCE_DIR "/tests/data/segment-v1.lws";  // without witnesses
const std::string kGolden = LITEWRIGHT_SOURCE_DIR "/tests/data/segment-v2.lws";
const StateWitnesses kWitnesses = {{{Txid(10), 0x2122232425262728}, {Txid(7), 0x3132333435363738}}};
const SegmentHeader kHeader = {512, 2, 1, 5, Txid(10), Txid(20), kWitnesses};
const WalPosition kPosition = {{0x01020304, 0x05060708}, FrameNumber(77), 0x1112131415161718};
const std::string kName = segment_name(kHeader.base, kHeader.last);

// Two runs: of 20 versions, and of 3.
std::vector<std::vector<OwnedVersion>> fixed_runs() {
  std::vector<std::vector<OwnedVersion>> runs;
  for (const int count : {20, 3}) {
    auto versions = random_versions(static_cast<std::uint32_t>(count), count, 512, Txid(10));
    for (auto& version : versions) version.txid = Txid(version.txid.value + 10);
    std::ranges::stable_sort(versions, {}, &OwnedVersion::page);
    runs.push_back(std::move(versions));
  }
  return runs;
}

std::string written_today() {
  MemoryStore store;
  SegmentWriterOptions options;
  options.header = kHeader;
  SegmentWriter writer(store, options);
  for (const auto& run : fixed_runs()) {
    for (const auto& version : run) writer.add(version.view());
    writer.end_run();
  }
  writer.finish(sample_commits(kHeader.base, kHeader.last), kPosition);
  return read_object(store, kName);
}

std::string golden(const std::string& path) {
  if (std::getenv("LITEWRIGHT_WRITE_GOLDEN") != nullptr) std::ofstream(kGolden) << written_today();
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string text(Bytes data) { return {reinterpret_cast<const char*>(data.data()), data.size()}; }

std::string unpacked(Bytes stored, std::size_t raw) {
  std::vector<std::byte> out(raw);
  EXPECT_TRUE(Decompressor().run(stored, out));
  return text(out);
}

// The parts of an object that do not depend on how well zstd compresses, by name.
std::map<std::string, std::string> parts(const std::string& object) {
  std::map<std::string, std::string> found;
  const Bytes all = std::as_bytes(std::span(object));
  const Bytes footer_bytes = all.last(kFooterBytes);
  const auto footer = decode_footer(footer_bytes);
  if (!footer) return found;
  found["header"] = text(all.first(kHeaderBytes));
  found["footer's header"] = text(footer_bytes.first(kHeaderBytes));
  found["footer's position, commits and witnesses"] =
      text(footer_bytes.subspan(96, object_checksum_offset(kFooterBytes) - 96));
  found["tail"] = text(footer_bytes.last(kTailBytes));
  const Bytes commits = all.subspan(footer->commits_offset, footer->runs_offset() - footer->commits_offset);
  found["commit columns"] = unpacked(commits.first(footer->commits_stored), footer->commits_raw);
  found["commit checksums"] = text(commits.subspan(footer->commits_stored));
  std::uint64_t begin = kHeaderBytes;
  for (std::uint32_t r = 0; r < footer->run_count; ++r) {
    const auto run =
        decode_run(all.subspan(footer->runs_offset() + r * kRunEntryBytes, kRunEntryBytes), begin);
    if (!run) return {};
    const std::string of_run = " of run " + std::to_string(r);
    std::uint64_t at = begin;
    for (std::uint32_t f = 0; f < run->frames; ++f) {
      auto frame = decode_frame(all.subspan(run->index_offset + f * kFrameEntryBytes, kFrameEntryBytes));
      if (!frame) return {};
      const Bytes stored = all.subspan(at, frame->stored);
      const std::string of_frame = std::to_string(f) + of_run;
      found["records of frame " + of_frame] =
          unpacked(stored.first(frame->stored - frame->checks_bytes()), frame->raw);
      found["checks of frame " + of_frame] = text(stored.last(frame->checks_bytes()));
      frame->stored = 0;
      frame->stored_checksum = 0;
      std::vector<std::byte> entry;
      encode_frame(*frame, entry);
      found["entry of frame " + of_frame] = text(entry);
      at += stored.size();
    }
    found["page numbers" + of_run] =
        unpacked(all.subspan(run->numbers_offset(), run->numbers_stored), run->numbers_raw);
    found["page checksums" + of_run] =
        text(all.subspan(run->checksums_offset(), run->end() - run->checksums_offset()));
    begin = run->end();
  }
  return found;
}

void expect_read_as_written(const std::string& path, const StateWitnesses& witnesses) {
  SCOPED_TRACE(path);
  MemoryStore store;
  const std::string object = golden(path);
  ASSERT_FALSE(object.empty()) << path << " is missing";
  store.replace(kName, std::as_bytes(std::span(object)));
  const Segment segment(store, kName);
  segment.verify_bytes();
  EXPECT_EQ(segment.header().page_size, kHeader.page_size);
  EXPECT_EQ(segment.header().epoch, kHeader.epoch);
  EXPECT_EQ(segment.header().parent_epoch, kHeader.parent_epoch);
  EXPECT_EQ(segment.header().fence, kHeader.fence);
  EXPECT_EQ(segment.header().witnesses, witnesses);
  EXPECT_EQ(segment.position(), kPosition);
  EXPECT_EQ(segment.commits(), sample_commits(kHeader.base, kHeader.last));
  const auto runs = fixed_runs();
  ASSERT_EQ(segment.runs().size(), runs.size());
  for (std::size_t r = 0; r < runs.size(); ++r) {
    RunCursor cursor(segment, r);
    for (const auto& wanted : runs[r]) {
      const auto version = cursor.next();
      ASSERT_TRUE(version.has_value());
      EXPECT_EQ(version->page, wanted.page);
      EXPECT_EQ(version->txid, wanted.txid);
      EXPECT_EQ(own(*version).body, wanted.body);
      EXPECT_EQ(version->checksum.low, wanted.checksum.low);
    }
    EXPECT_FALSE(cursor.next().has_value());
  }
}

TEST(SegmentGolden, is_read_today_as_it_was_written_then) {
  expect_read_as_written(kFirst, {});
  expect_read_as_written(kGolden, kWitnesses);
}

TEST(SegmentGolden, is_what_the_writer_makes_today) {
  const auto then = parts(golden(kGolden));
  const auto today = parts(written_today());
  ASSERT_EQ(then.size(), 6u + 5u * 2u) << "two runs of one frame each";
  ASSERT_EQ(today.size(), then.size());
  for (const auto& [name, bytes] : then) EXPECT_EQ(today.at(name), bytes) << name;
}

}  // namespace
}  // namespace litewright
