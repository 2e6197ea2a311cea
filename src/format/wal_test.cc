#include "format/wal.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "format/real_database_test.h"

namespace litewright {
namespace {

constexpr std::uint32_t kPageSize = 1024;
constexpr std::size_t kFrameBytes = kWalFrameHeaderBytes + kPageSize;

// A WAL of three commits as SQLite writes it; the second one is of many pages.
std::vector<std::byte> real_wal() {
  RealDatabase database;
  database.run(
      "PRAGMA page_size=1024; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b);"
      "INSERT INTO t SELECT value, randomblob(300) FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12]');"
      "DELETE FROM t WHERE a = 3");
  return database.file("-wal");
}

// Rewrites header and frames so that their checksums are over big-endian words, as a SPARC would have it.
std::vector<std::byte> with_big_endian_checksums(std::vector<std::byte> wal) {
  const MutableBytes bytes(wal);
  store_be32(bytes, 0, 0x377f0683);
  WalChecksum checksum(WalChecksum::ByteOrder::kBigEndian);
  checksum.add(Bytes(wal).first(24));
  store_be32(bytes, 24, checksum.first());
  store_be32(bytes, 28, checksum.second());
  for (std::size_t at = kWalHeaderBytes; at + kFrameBytes <= wal.size(); at += kFrameBytes) {
    checksum.add(Bytes(wal).subspan(at, 8));
    checksum.add(Bytes(wal).subspan(at + kWalFrameHeaderBytes, kPageSize));
    store_be32(bytes, at + 16, checksum.first());
    store_be32(bytes, at + 20, checksum.second());
  }
  return wal;
}

struct Scan {
  std::uint32_t valid = 0, commits = 0, last_commit = 0, page_count = 0;
  std::string end;
  std::uint64_t end_offset = 0;
};

Scan scan(Bytes wal) {
  WalScanner scanner(parse_wal_header(wal).value());
  Scan result;
  for (std::uint32_t frame = 1; frame <= whole_frames(wal.size(), kPageSize); ++frame) {
    const auto verdict = scanner.feed(wal.subspan(frame_offset(FrameNumber(frame), kPageSize), kFrameBytes));
    if (verdict == WalScanner::Verdict::kCommit) ++result.commits;
    if (verdict == WalScanner::Verdict::kEnd) break;
  }
  result.valid = scanner.last_valid().value;
  result.last_commit = scanner.last_commit().value;
  result.page_count = scanner.page_count();
  if (scanner.end_reason()) {
    result.end = scanner.end_reason()->what;
    result.end_offset = scanner.end_reason()->offset;
  }
  return result;
}

TEST(Wal, HeaderOfARealLogIsRead) {
  const auto wal = real_wal();
  const auto header = parse_wal_header(wal);
  ASSERT_TRUE(header) << header.error().what;
  EXPECT_EQ(header->page_size, 1024u);
  EXPECT_EQ(header->version, 3007000u);
  EXPECT_EQ(header->checkpoint_sequence, 0u);
  EXPECT_EQ(header->big_endian_checksum, std::endian::native == std::endian::big);
}

TEST(Wal, EveryCommitOfARealLogIsFoundInBothByteOrders) {
  const auto native = real_wal();
  const auto swapped = with_big_endian_checksums(native);
  for (const Bytes wal : {Bytes(native), Bytes(swapped)}) {
    const Scan found = scan(wal);
    EXPECT_EQ(found.end, "");
    EXPECT_EQ(found.valid, whole_frames(wal.size(), kPageSize));
    EXPECT_EQ(found.last_commit, found.valid);
    EXPECT_EQ(found.commits, 3u);
    EXPECT_GE(found.page_count, 5u);
  }
}

TEST(Wal, FramesOfAnEarlierGenerationDoNotCount) {
  RealDatabase database;
  database.run(
      "PRAGMA page_size=1024; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a);"
      "INSERT INTO t VALUES (randomblob(9000)); PRAGMA wal_checkpoint(RESTART); INSERT INTO t VALUES (1)");
  const auto wal = database.file("-wal");
  const Scan found = scan(wal);
  EXPECT_EQ(found.commits, 1u);
  EXPECT_LT(found.valid, whole_frames(wal.size(), kPageSize));
  EXPECT_NE(found.end.find("frame salts"), std::string::npos) << found.end;
  EXPECT_EQ(parse_wal_header(wal)->checkpoint_sequence, 1u);
}

TEST(Wal, ADamagedFrameEndsTheLogAtTheCommitBeforeIt) {
  struct Case {
    std::uint32_t frame;
    std::size_t byte;
    std::uint64_t end_offset;
    const char* what;
  };
  const auto wal = real_wal();
  const auto frames = static_cast<std::uint32_t>(whole_frames(wal.size(), kPageSize));
  const Case cases[] = {
      {frames, 3, 16, "frame checksum"},  {frames, 7, 16, "frame checksum"},
      {frames, 8, 8, "frame salts"},      {frames, 15, 8, "frame salts"},
      {frames, 16, 16, "frame checksum"}, {frames, 23, 16, "frame checksum"},
      {frames, 24, 16, "frame checksum"}, {frames, 1047, 16, "frame checksum"},
      {1, 500, 16, "frame checksum"},
  };
  for (const Case& c : cases) {
    auto damaged = wal;
    damaged[frame_offset(FrameNumber(c.frame), kPageSize) + c.byte] ^= std::byte{0x40};
    const Scan found = scan(damaged);
    EXPECT_EQ(found.valid, c.frame - 1) << "byte " << c.byte;
    EXPECT_LE(found.last_commit, found.valid);
    EXPECT_EQ(found.end_offset, c.end_offset) << "byte " << c.byte;
    EXPECT_NE(found.end.find(c.what), std::string::npos) << found.end;
  }
}

TEST(Wal, NothingCountsAfterTheEnd) {
  const auto wal = real_wal();
  WalScanner scanner(parse_wal_header(wal).value());
  const Bytes first = Bytes(wal).subspan(kWalHeaderBytes, kFrameBytes);
  EXPECT_EQ(scanner.feed(first.first(100)), WalScanner::Verdict::kEnd);
  EXPECT_EQ(scanner.feed(first), WalScanner::Verdict::kEnd);
  EXPECT_EQ(scanner.last_valid(), FrameNumber(0));
}

TEST(Wal, AZeroedFrameHeaderIsMalformedBecausePageZeroDoesNotExist) {
  const std::vector<std::byte> zeros(kWalFrameHeaderBytes);
  const auto header = parse_wal_frame_header(zeros);
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().what, "WAL frame is for page 0");
}

TEST(Wal, ACommittedFrameWithZeroSaltsAndChecksumIsStillDecoded) {
  std::vector<std::byte> bytes(kWalFrameHeaderBytes);
  store_be32(bytes, 0, 7);
  store_be32(bytes, 4, 12);
  const auto header = parse_wal_frame_header(bytes);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->page, PageNumber(7));
  EXPECT_TRUE(header->is_commit());
  EXPECT_EQ(header->size_after_commit, 12u);
}

TEST(Wal, AnUnfitHeaderIsRefusedWithTheFieldThatIsWrong) {
  struct Case {
    std::size_t offset;
    std::uint32_t value;
    std::uint64_t reported;
    Malformed::Kind kind;
  };
  const Case cases[] = {
      {0, 0x377f0684, 0, Malformed::Kind::kInvalid},   {4, 3007001, 4, Malformed::Kind::kUnsupported},
      {8, 1000, 8, Malformed::Kind::kInvalid},         {8, 131072, 8, Malformed::Kind::kInvalid},
      {8, 256, 8, Malformed::Kind::kInvalid},          {16, 0x01020304, 24, Malformed::Kind::kInvalid},
      {28, 0x01020304, 24, Malformed::Kind::kInvalid},
  };
  const auto wal = real_wal();
  for (const Case& c : cases) {
    auto damaged = wal;
    store_be32(damaged, c.offset, c.value);
    const auto header = parse_wal_header(damaged);
    ASSERT_FALSE(header) << c.offset;
    EXPECT_EQ(header.error().offset, c.reported) << header.error().what;
    EXPECT_EQ(header.error().kind, c.kind) << header.error().what;
  }
  EXPECT_EQ(parse_wal_header(Bytes(wal).first(31)).error().kind, Malformed::Kind::kTruncated);
  EXPECT_EQ(parse_wal_header({}).error().kind, Malformed::Kind::kTruncated);
}

TEST(Wal, FrameOffsetsDoNotWrapAt4GiB) {
  EXPECT_EQ(frame_offset(FrameNumber(1), 4096), 32u);
  EXPECT_EQ(frame_offset(FrameNumber(2), 4096), 32u + 4120u);
  EXPECT_EQ(frame_offset(FrameNumber(0xffffffff), 65536), 32 + 0xfffffffeull * 65560);
  EXPECT_EQ(whole_frames(0, 512), 0u);
  EXPECT_EQ(whole_frames(32, 512), 0u);
  EXPECT_EQ(whole_frames(32 + 535, 512), 0u);
  EXPECT_EQ(whole_frames(32 + 536, 512), 1u);
}

}  // namespace
}  // namespace litewright
