// A segment that is not as it was written is never read as if it were.
#include <gtest/gtest.h>

#include "archive/segment.h"
#include "archive/segment_format.h"
#include "archive/segment_samples.h"
#include "base/error.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace segment_samples;

Bytes bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

// Everything that can be read of a segment, without verify_bytes.
struct Everything {
  std::vector<CommitRecord> commits;
  std::vector<OwnedVersion> versions;
  std::vector<std::pair<PageNumber, Checksum128>> sums;
  std::optional<WalPosition> position;
  std::uint32_t epoch = 0;
  bool operator==(const Everything&) const = default;
};

Everything read_everything(const ObjectStore& store, const std::string& name) {
  Everything all;
  const Segment segment(store, name);
  all.commits = segment.commits();
  all.position = segment.position();
  all.epoch = segment.header().epoch;
  for (std::size_t run = 0; run < segment.runs().size(); ++run) {
    RunCursor cursor(segment, run);
    while (const auto version = cursor.next()) all.versions.push_back(own(*version));
    segment.page_checksums(
        run, [&](PageNumber page, const Checksum128& sum) { all.sums.emplace_back(page, sum); });
  }
  return all;
}

// What `act` throws, which must be Error{kDamaged} that names the object; empty where nothing is thrown.
template <class Act>
std::string damage(const std::string& name, Act act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged) << error.what();
    EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    return error.what();
  }
  return "";
}

class SegmentDamage : public testing::Test {
 protected:
  SegmentDamage() {
    // About 3 KB: two runs, whole pages and deltas, pages with several versions.
    SegmentWriterOptions options;
    options.header = {512, 2, 1, 5, Txid(10), Txid(20)};
    SegmentWriter writer(store_, options);
    for (std::uint32_t seed = 1; seed <= 2; ++seed) {
      RunBuffer buffer;
      for (auto version : random_versions(seed, 20, 512, Txid(10))) {
        version.txid = Txid(version.txid.value + 10);
        buffer.add(version.view());
      }
      buffer.write_to(writer);
    }
    writer.finish(sample_commits(Txid(10), Txid(20)), WalPosition{{1, 2}, FrameNumber(3), 4});
    original_ = read_object(store_, name_);
    everything_ = read_everything(store_, name_);
  }

  MemoryStore store_;
  const std::string name_ = segment_name(Txid(10), Txid(20));
  std::string original_;
  Everything everything_;
};

TEST_F(SegmentDamage, is_noticed_wherever_one_byte_is_flipped) {
  ASSERT_GT(original_.size(), 2000u);
  ASSERT_LT(original_.size(), 6000u);
  for (std::size_t at = 0; at < original_.size(); ++at) {
    std::string changed = original_;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    store_.replace(name_, bytes(changed));
    EXPECT_NE(damage(name_, [&] { Segment(store_, name_).verify_bytes(); }), "") << "byte " << at;
    // Reading notices it, or what was read is right all the same (a byte that reading does not need).
    Everything read;
    if (damage(name_, [&] { read = read_everything(store_, name_); }).empty()) {
      EXPECT_EQ(read, everything_) << "byte " << at << " made a wrong answer";
    }
  }
}

TEST_F(SegmentDamage, is_noticed_at_opening_wherever_it_is_cut_or_grown) {
  for (std::size_t size = 0; size < original_.size(); ++size) {
    store_.replace(name_, bytes(original_.substr(0, size)));
    ASSERT_NE(damage(name_, [&] { Segment(store_, name_); }), "") << "cut to " << size;
  }
  store_.replace(name_, bytes(original_ + '\0'));
  EXPECT_NE(damage(name_, [&] { Segment(store_, name_); }), "");
  store_.replace(name_, bytes('\0' + original_));
  EXPECT_NE(damage(name_, [&] { Segment(store_, name_); }), "");
}

TEST_F(SegmentDamage, is_noticed_where_an_object_lies_under_another_name) {
  for (const auto& other : {segment_name(Txid(10), Txid(21)), segment_name(Txid(9), Txid(20)),
                            std::string("segments/copy.lws")}) {
    put_object(store_, other, bytes(original_));
    EXPECT_NE(damage(other, [&] { Segment(store_, other); }), "");
  }
}

TEST_F(SegmentDamage, is_told_from_a_future_version_which_asks_for_an_upgrade) {
  std::string future = original_;
  future[future.size() - segment_format::kTailBytes + 4] = kSegmentFormatVersion + 1;  // in the tail
  store_.replace(name_, bytes(future));
  try {
    const Segment segment(store_, name_);
    ADD_FAILURE() << "a future version was opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
    EXPECT_NE(std::string(error.what()).find("format version 3, this program reads up to 2"),
              std::string::npos)
        << error.what();
    EXPECT_NE(error.hint().find("upgrade"), std::string::npos) << error.hint();
  }
}

TEST_F(SegmentDamage, names_the_frame_it_is_in) {
  std::string changed = original_;
  changed[segment_format::kHeaderBytes + 5] ^= 1;
  store_.replace(name_, bytes(changed));
  EXPECT_EQ(damage(name_, [&] { read_everything(store_, name_); }),
            name_ + ": frame 0 of run 0: checksum is not the recorded one");
}

TEST(SegmentWriter, refuses_what_would_make_a_segment_that_can_not_be_read) {
  MemoryStore store;
  SegmentWriterOptions options;
  options.header = {512, 1, 0, 1, Txid(1), Txid(2)};
  const std::vector<std::byte> page(512), longer(513);
  const auto code = [](auto act) {
    try {
      act();
    } catch (const Error& error) {
      return static_cast<int>(error.code());
    }
    return 0;
  };
  const int internal = static_cast<int>(ErrorCode::kInternal);
  SegmentWriter writer(store, options);
  const auto add = [&](std::uint32_t number, std::uint64_t txid, PageVersion::Kind kind, Bytes body) {
    return code([&] { writer.add({PageNumber(number), Txid(txid), kind, body, {1, 1}}); });
  };
  EXPECT_EQ(add(0, 2, PageVersion::Kind::kWhole, page), internal);
  EXPECT_EQ(add(1, 1, PageVersion::Kind::kWhole, page), internal);
  EXPECT_EQ(add(1, 3, PageVersion::Kind::kWhole, page), internal);
  EXPECT_EQ(add(1, 2, PageVersion::Kind::kWhole, longer), internal);
  EXPECT_EQ(add(1, 2, PageVersion::Kind::kDelta, longer), internal);
  EXPECT_EQ(add(1, 2, PageVersion::Kind::kDelta, {}), 0);
  EXPECT_EQ(code([&] { writer.finish({}, std::nullopt); }), internal);
  EXPECT_EQ(code([&] { writer.finish(sample_commits(Txid(0), Txid(1)), std::nullopt); }), internal);
  EXPECT_EQ(code([&] { writer.finish(sample_commits(Txid(1), Txid(2)), std::nullopt); }), 0);
}

}  // namespace
}  // namespace litewright
