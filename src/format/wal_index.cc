#include "format/wal_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "base/bytes.h"
#include "format/wal.h"

namespace litewright {
namespace {

constexpr std::size_t kWordBytes = sizeof(std::uint32_t);
constexpr std::size_t kHeaderBytesSummed = 40;

void copy_words(const volatile std::uint32_t* shared, std::size_t first, std::size_t last,
                WalIndexHead& out) {
  for (std::size_t word = first; word < last; ++word) {
    store_native(MutableBytes(out), word * kWordBytes, __atomic_load_n(shared + word, __ATOMIC_RELAXED));
  }
}

// The page size as stored: 1 stands for 65536, every other number for itself.
std::uint32_t decode_page_size(std::uint16_t stored) { return stored == 1 ? 65536u : stored; }

WalIndexHeader decode_header(Bytes copy) {
  WalIndexHeader header;
  header.version = load_native<std::uint32_t>(copy, 0);
  header.change = load_native<std::uint32_t>(copy, 8);
  header.is_init = load_u8(copy, 12) != 0;
  header.big_endian_checksum = load_u8(copy, 13) != 0;
  header.page_size = decode_page_size(load_native<std::uint16_t>(copy, 14));
  header.max_frame = FrameNumber(load_native<std::uint32_t>(copy, 16));
  header.page_count = load_native<std::uint32_t>(copy, 20);
  for (std::size_t i = 0; i < 2; ++i) {
    header.frame_checksum[i] = load_native<std::uint32_t>(copy, 24 + 4 * i);
    header.salt[i] = load_be32(copy, 32 + 4 * i);
  }
  return header;
}

// The tests of SQLite's walIndexTryHdr, in its order; then version and page size.
std::expected<WalIndexHeader, Malformed> read_header(Bytes head) {
  const Bytes first = head.first(kWalIndexHeaderBytes);
  const Bytes second = head.subspan(kWalIndexHeaderBytes, kWalIndexHeaderBytes);
  const auto [differs, counterpart] = std::ranges::mismatch(first, second);
  if (differs != first.end()) {
    return malformed(static_cast<std::uint64_t>(differs - first.begin()),
                     "the two copies of the WAL index header differ", Malformed::Kind::kTorn);
  }
  const WalIndexHeader header = decode_header(first);
  if (!header.is_init) {
    return malformed(12, "the WAL index is not initialised", Malformed::Kind::kNotInitialised);
  }
  WalChecksum checksum(WalChecksum::ByteOrder::kNative);
  checksum.add(first.first(kHeaderBytesSummed));
  if (checksum.first() != load_native<std::uint32_t>(first, 40) ||
      checksum.second() != load_native<std::uint32_t>(first, 44)) {
    return malformed(40, "the checksum of the WAL index header is wrong", Malformed::Kind::kTorn);
  }
  if (header.version != kWalVersion) {
    return malformed(0, fmt::format("WAL index version is {}, not {}", header.version, kWalVersion),
                     Malformed::Kind::kUnsupported);
  }
  if (header.page_size != 0 && !valid_page_size(header.page_size)) {
    return malformed(14, fmt::format("WAL index page size is {}", header.page_size));
  }
  return header;
}

}  // namespace

WalIndexHead copy_wal_index_head(const volatile void* shared) {
  constexpr std::size_t kCopyWords = kWalIndexHeaderBytes / kWordBytes;
  const auto* words = static_cast<const volatile std::uint32_t*>(shared);
  WalIndexHead head;
  copy_words(words, 0, kCopyWords, head);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  copy_words(words, kCopyWords, 2 * kCopyWords, head);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  copy_words(words, 2 * kCopyWords, kWalIndexHeadBytes / kWordBytes, head);
  return head;
}

std::expected<WalIndex, Malformed> read_wal_index(Bytes head) {
  if (head.size() < kWalIndexHeadBytes) {
    return malformed(head.size(),
                     fmt::format("WAL index has {} bytes of {}", head.size(), kWalIndexHeadBytes),
                     Malformed::Kind::kTruncated);
  }
  auto header = read_header(head);
  if (!header) return std::unexpected(std::move(header.error()));
  WalIndex index;
  index.header = *header;
  index.backfilled = FrameNumber(load_native<std::uint32_t>(head, 96));
  for (std::size_t i = 0; i < kWalReadMarks; ++i) {
    index.read_mark[i] = load_native<std::uint32_t>(head, 100 + 4 * i);
  }
  index.backfill_attempted = FrameNumber(load_native<std::uint32_t>(head, 128));
  return index;
}

}  // namespace litewright
