#include "format/wal_index.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/bytes.h"
#include "format/real_database_test.h"
#include "format/wal.h"

namespace litewright {
namespace {

struct Files {
  std::vector<std::byte> wal, shm;
};

Files real_files(const std::string& page_size) {
  RealDatabase database;
  database.run("PRAGMA page_size=" + page_size +
               "; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a);"
               "INSERT INTO t VALUES (randomblob(9000)); INSERT INTO t VALUES (1)");
  return {database.file("-wal"), database.file("-shm")};
}

// Both copies changed alike, with the checksum made right.
std::vector<std::byte> rewritten(std::vector<std::byte> shm, std::size_t offset, Bytes value) {
  std::memcpy(shm.data() + offset, value.data(), value.size());
  WalChecksum checksum(WalChecksum::ByteOrder::kNative);
  checksum.add(Bytes(shm).first(40));
  store_native(MutableBytes(shm), 40, checksum.first());
  store_native(MutableBytes(shm), 44, checksum.second());
  std::memcpy(shm.data() + 48, shm.data(), 48);
  return shm;
}

TEST(WalIndex, HeadOfARealIndexAgreesWithTheLogItDescribes) {
  for (const std::string page_size : {"512", "4096", "65536"}) {
    const Files files = real_files(page_size);
    const auto index = read_wal_index(files.shm);
    ASSERT_TRUE(index) << index.error().what;
    const auto wal = parse_wal_header(files.wal);
    ASSERT_TRUE(wal) << wal.error().what;

    EXPECT_EQ(index->header.page_size, static_cast<std::uint32_t>(std::stoul(page_size)));
    EXPECT_EQ(index->header.max_frame.value, whole_frames(files.wal.size(), wal->page_size));
    EXPECT_EQ(index->header.salt[0], wal->salt[0]);
    EXPECT_EQ(index->header.salt[1], wal->salt[1]);
    EXPECT_EQ(index->header.change, 3u) << "CREATE and two INSERTs";
    const auto last = parse_wal_frame_header(
        Bytes(files.wal).subspan(frame_offset(index->header.max_frame, wal->page_size)));
    EXPECT_EQ(last->size_after_commit, index->header.page_count);
    EXPECT_EQ(last->checksum[0], index->header.frame_checksum[0]);
    EXPECT_EQ(last->checksum[1], index->header.frame_checksum[1]);
    EXPECT_EQ(index->backfilled, FrameNumber(0));
    EXPECT_EQ(index->read_mark[0], 0u);
    EXPECT_EQ(index->read_mark[4], kReadMarkUnused);
  }
}

TEST(WalIndex, ACheckpointShowsAsBackfilledFrames) {
  RealDatabase database;
  database.run("PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES (1); PRAGMA wal_checkpoint");
  const auto index = read_wal_index(database.file("-shm"));
  ASSERT_TRUE(index) << index.error().what;
  EXPECT_GT(index->header.max_frame, FrameNumber(0));
  EXPECT_EQ(index->backfilled, index->header.max_frame);
  EXPECT_EQ(index->backfill_attempted, index->header.max_frame);
}

TEST(WalIndex, TornAndUninitialisedAndForeignHeadsAreToldApart) {
  const auto shm = real_files("4096").shm;
  const std::uint32_t version = 3007001;
  const std::uint16_t page_size = 1000, unknown = 0;
  const std::byte no{0};

  auto copies_differ = shm;
  copies_differ[16] ^= std::byte{1};
  auto second_copy_differs = shm;
  second_copy_differs[48 + 47] ^= std::byte{1};
  auto checksum_wrong = shm;
  checksum_wrong[16] ^= std::byte{1};
  checksum_wrong[48 + 16] ^= std::byte{1};

  struct Case {
    const char* name;
    std::vector<std::byte> shm;
    Malformed::Kind kind;
    std::uint64_t offset;
  };
  const Case cases[] = {
      {"copies differ", copies_differ, Malformed::Kind::kTorn, 16},
      {"second copy differs", second_copy_differs, Malformed::Kind::kTorn, 47},
      {"checksum wrong", checksum_wrong, Malformed::Kind::kTorn, 40},
      {"all zero", std::vector<std::byte>(32768), Malformed::Kind::kNotInitialised, 12},
      {"not initialised", rewritten(shm, 12, Bytes(&no, 1)), Malformed::Kind::kNotInitialised, 12},
      {"future version", rewritten(shm, 0, std::as_bytes(std::span(&version, 1))),
       Malformed::Kind::kUnsupported, 0},
      {"page size", rewritten(shm, 14, std::as_bytes(std::span(&page_size, 1))), Malformed::Kind::kInvalid,
       14},
      {"short", std::vector<std::byte>(shm.begin(), shm.begin() + 135), Malformed::Kind::kTruncated, 135},
      {"empty", {}, Malformed::Kind::kTruncated, 0},
  };
  for (const Case& c : cases) {
    const auto index = read_wal_index(c.shm);
    ASSERT_FALSE(index) << c.name;
    EXPECT_EQ(index.error().kind, c.kind) << c.name;
    EXPECT_EQ(index.error().offset, c.offset) << c.name;
  }
  const auto after_recovery = read_wal_index(rewritten(shm, 14, std::as_bytes(std::span(&unknown, 1))));
  ASSERT_TRUE(after_recovery) << after_recovery.error().what;
  EXPECT_EQ(after_recovery->header.page_size, 0u);
}

TEST(WalIndex, TheCopyOutOfSharedMemoryIsByteForByte) {
  alignas(8) std::array<std::byte, kWalIndexHeadBytes> shared;
  for (std::size_t i = 0; i < shared.size(); ++i) shared[i] = static_cast<std::byte>(i * 7);
  EXPECT_EQ(copy_wal_index_head(shared.data()), shared);
}

}  // namespace
}  // namespace litewright
