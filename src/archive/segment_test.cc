#include "archive/segment.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>

#include "archive/segment_samples.h"
#include "base/error.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace segment_samples;

std::vector<OwnedVersion> read_run(const Segment& segment, std::size_t run) {
  std::vector<OwnedVersion> versions;
  RunCursor cursor(segment, run);
  while (const auto version = cursor.next()) versions.push_back(own(*version));
  return versions;
}

// What a cursor gives for these: `high` only where a version is its page's last.
std::vector<OwnedVersion> as_read(std::vector<OwnedVersion> versions) {
  std::ranges::stable_sort(versions, {}, &OwnedVersion::page);
  for (std::size_t i = 0; i + 1 < versions.size(); ++i) {
    if (versions[i].page == versions[i + 1].page) versions[i].checksum.high = 0;
  }
  return versions;
}

TEST(Segment, gives_back_header_commits_and_position_as_they_were_written) {
  MemoryStore store;
  const auto commits = sample_commits(Txid(7), Txid(12));
  const WalPosition position{{11, 22}, FrameNumber(33), 44};
  SegmentWriterOptions options;
  options.header = {4096, 3, 2, 99, Txid(7), Txid(12)};
  SegmentWriter writer(store, options);
  const std::uint64_t size = writer.finish(commits, position);

  const Segment segment(store, segment_name(Txid(7), Txid(12)));
  EXPECT_EQ(segment.size(), size);
  EXPECT_EQ(segment.header().page_size, 4096u);
  EXPECT_EQ(segment.header().epoch, 3u);
  EXPECT_EQ(segment.header().parent_epoch, 2u);
  EXPECT_EQ(segment.header().fence, 99u);
  EXPECT_EQ(segment.position(), position);
  EXPECT_EQ(segment.commits(), commits);
  EXPECT_EQ(segment.first_commit(), commits.front());
  EXPECT_EQ(segment.last_commit(), commits.back());
  EXPECT_TRUE(segment.runs().empty());
  segment.verify_bytes();
}

TEST(Segment, gives_back_random_versions_sorted_whatever_the_order_of_arrival) {
  const bool held = rc::check([] {
    const std::uint32_t page_size = *rc::gen::element(512u, 4096u, 65536u);
    const Txid last(*rc::gen::inRange<std::uint64_t>(1, 400));
    MemoryStore store;
    SegmentWriterOptions options;
    options.header = {page_size, 1, 0, 1, Txid(0), last};
    options.threads = *rc::gen::element(1, 3);
    SegmentWriter writer(store, options);
    std::vector<std::vector<OwnedVersion>> runs;
    RunBuffer buffer;
    for (int run = *rc::gen::inRange(1, 4); run > 0; --run) {
      const auto versions =
          random_versions(*rc::gen::arbitrary<std::uint32_t>(), *rc::gen::inRange(1, 200), page_size, last);
      for (const auto& version : versions) buffer.add(version.view());
      buffer.write_to(writer);
      buffer.clear();
      runs.push_back(as_read(versions));
    }
    writer.finish(sample_commits(Txid(0), last), std::nullopt);

    const Segment segment(store, segment_name(Txid(0), last));
    segment.verify_bytes();
    RC_ASSERT(segment.runs().size() == runs.size());
    for (std::size_t run = 0; run < runs.size(); ++run) {
      RC_ASSERT(read_run(segment, run) == runs[run]);
      std::map<PageNumber, Checksum128> sums, recorded;
      for (const auto& version : runs[run]) sums[version.page] = version.checksum;
      segment.page_checksums(run, [&](PageNumber page, const Checksum128& sum) { recorded[page] = sum; });
      RC_ASSERT(recorded == sums);
      RC_ASSERT(segment.runs()[run].pages == sums.size());
      RC_ASSERT(segment.runs()[run].versions == runs[run].size());
    }
  });
  EXPECT_TRUE(held);
}

TEST(Segment, gives_any_range_of_pages_without_the_rest) {
  const auto versions = as_read(random_versions(5, 900, 4096, Txid(50)));
  MemoryStore store;
  const std::string name = write_sample(store, {4096, 1, 0, 1, Txid(0), Txid(50)}, versions);
  const Segment segment(store, name);
  for (std::uint32_t from = 1; from < 64; from += 7) {
    for (std::uint32_t to = from; to < 70; to += 9) {
      std::vector<OwnedVersion> wanted, got;
      for (const auto& version : versions) {
        if (version.page.value >= from && version.page.value <= to) wanted.push_back(version);
      }
      RunCursor cursor(segment, 0, PageNumber(from), PageNumber(to));
      while (const auto version = cursor.next()) got.push_back(own(*version));
      ASSERT_EQ(got, wanted) << "pages " << from << " to " << to;
    }
  }
}

TEST(Segment, begins_a_run_by_itself_at_a_lower_page_and_at_the_limit_of_pages) {
  MemoryStore store;
  SegmentWriterOptions options;
  options.header = {512, 1, 0, 1, Txid(0), Txid(1)};
  SegmentWriter writer(store, options);
  const std::vector<std::byte> delta(3, std::byte{7});
  const auto add = [&](std::uint32_t page) {
    writer.add({PageNumber(page), Txid(1), PageVersion::Kind::kDelta, delta, {page, page}});
  };
  for (std::uint32_t page = 1; page <= SegmentWriter::kMaxPagesPerRun + 5; ++page) add(page);
  add(3);
  writer.finish(sample_commits(Txid(0), Txid(1)), std::nullopt);
  const Segment segment(store, segment_name(Txid(0), Txid(1)));
  ASSERT_EQ(segment.runs().size(), 3u);
  EXPECT_EQ(segment.runs()[0].pages, SegmentWriter::kMaxPagesPerRun);
  EXPECT_EQ(segment.runs()[0].last_page, PageNumber(SegmentWriter::kMaxPagesPerRun));
  EXPECT_EQ(segment.runs()[1].pages, 5u);
  EXPECT_EQ(segment.runs()[2].first_page, PageNumber(3));
  EXPECT_EQ(read_run(segment, 1).size(), 5u);
}

TEST(Segment, shows_nothing_in_the_store_before_it_is_finished) {
  MemoryStore store;
  {
    SegmentWriterOptions options;
    options.header = {512, 1, 0, 1, Txid(0), Txid(1)};
    options.threads = 2;
    SegmentWriter writer(store, options);
    for (const auto& version : as_read(random_versions(1, 500, 512, Txid(1)))) writer.add(version.view());
    EXPECT_TRUE(store.list("").empty());
  }
  EXPECT_TRUE(store.list("").empty());
}

TEST(Segment, makes_the_same_bytes_whatever_the_number_of_threads) {
  const auto versions = as_read(random_versions(9, 2000, 4096, Txid(50)));
  std::string first;
  for (const int threads : {1, 2, 4}) {
    MemoryStore store;
    const std::string name = write_sample(store, {4096, 1, 0, 1, Txid(0), Txid(50)}, versions, threads);
    const std::string bytes = read_object(store, name);
    if (first.empty()) first = bytes;
    EXPECT_EQ(bytes, first) << threads << " threads";
  }
}

TEST(Segment, names_carry_the_range_and_nothing_else_parses) {
  EXPECT_EQ(segment_name(Txid(1), Txid(400)), "segments/0000000000000001-0000000000000400.lws");
  const Txid huge(18446744073709551615u);
  EXPECT_EQ(parse_segment_name(segment_name(Txid(12), huge)), std::pair(Txid(12), huge));
  for (const char* name : {
           "segments/0000000000000001-0000000000000400.lwx",
           "segments/1-400.lws",
           "segments/0000000000000400-0000000000000400.lws",
           "segments/0000000000000001-00000000000000400.lws",
           "segments/0000000000000001-99999999999999999999.lws",
           "segments/0000000000000001--000000000000400.lws",
           "segments/.lws",
           "0000000000000001-0000000000000400.lws",
           "segments/0000000000000001_0000000000000400.lws",
       }) {
    EXPECT_EQ(parse_segment_name(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace litewright
