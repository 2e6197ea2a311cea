#include "format/wal.h"

#include <fmt/format.h>

#include <bit>

#include "base/bytes.h"

namespace litewright {
namespace {

constexpr std::uint32_t kMagicLittleEndian = 0x377f0682;
constexpr std::uint32_t kMagicBigEndian = 0x377f0683;
constexpr std::size_t kHeaderBytesSummed = 24;
constexpr std::size_t kFrameHeaderBytesSummed = 8;

bool must_swap(WalChecksum::ByteOrder order) {
  switch (order) {
    case WalChecksum::ByteOrder::kLittleEndian:
      return std::endian::native != std::endian::little;
    case WalChecksum::ByteOrder::kBigEndian:
      return std::endian::native != std::endian::big;
    case WalChecksum::ByteOrder::kNative:
      break;
  }
  return false;
}

template <bool kSwap>
void add_words(Bytes data, std::uint32_t& first, std::uint32_t& second) {
  for (std::size_t i = 0; i + 8 <= data.size(); i += 8) {
    std::uint32_t even = load_native<std::uint32_t>(data, i);
    std::uint32_t odd = load_native<std::uint32_t>(data, i + 4);
    if constexpr (kSwap) {
      even = std::byteswap(even);
      odd = std::byteswap(odd);
    }
    first += even + second;
    second += odd + first;
  }
}

}  // namespace

WalChecksum::WalChecksum(ByteOrder order, std::uint32_t first, std::uint32_t second)
    : swap_(must_swap(order)), first_(first), second_(second) {}

void WalChecksum::add(Bytes data) {
  if (swap_) {
    add_words<true>(data, first_, second_);
  } else {
    add_words<false>(data, first_, second_);
  }
}

std::expected<WalHeader, Malformed> parse_wal_header(Bytes data) {
  if (data.size() < kWalHeaderBytes) {
    return malformed(data.size(), fmt::format("WAL header has {} bytes of {}", data.size(), kWalHeaderBytes),
                     Malformed::Kind::kTruncated);
  }
  const std::uint32_t magic = load_be32(data, 0);
  if (magic != kMagicLittleEndian && magic != kMagicBigEndian) {
    return malformed(0, fmt::format("WAL magic is {:#010x}, not 0x377f0682 or 0x377f0683", magic));
  }
  WalHeader header;
  header.big_endian_checksum = magic == kMagicBigEndian;
  header.version = load_be32(data, 4);
  if (header.version != kWalVersion) {
    return malformed(4, fmt::format("WAL version is {}, not {}", header.version, kWalVersion),
                     Malformed::Kind::kUnsupported);
  }
  header.page_size = load_be32(data, 8);
  if (!valid_page_size(header.page_size)) {
    return malformed(
        8, fmt::format("WAL page size is {}, not a power of two from 512 to 65536", header.page_size));
  }
  header.checkpoint_sequence = load_be32(data, 12);
  for (std::size_t i = 0; i < 2; ++i) {
    header.salt[i] = load_be32(data, 16 + 4 * i);
    header.checksum[i] = load_be32(data, 24 + 4 * i);
  }
  WalChecksum checksum(header.checksum_order());
  checksum.add(data.first(kHeaderBytesSummed));
  if (checksum.first() != header.checksum[0] || checksum.second() != header.checksum[1]) {
    return malformed(
        24, fmt::format("WAL header checksum is {:08x} {:08x}, its bytes give {:08x} {:08x}",
                        header.checksum[0], header.checksum[1], checksum.first(), checksum.second()));
  }
  return header;
}

std::expected<WalFrameHeader, Malformed> parse_wal_frame_header(Bytes data) {
  if (data.size() < kWalFrameHeaderBytes) {
    return malformed(data.size(),
                     fmt::format("WAL frame header has {} bytes of {}", data.size(), kWalFrameHeaderBytes),
                     Malformed::Kind::kTruncated);
  }
  WalFrameHeader header;
  header.page = PageNumber(load_be32(data, 0));
  if (header.page.value == 0) return malformed(0, "WAL frame is for page 0");
  header.size_after_commit = load_be32(data, 4);
  for (std::size_t i = 0; i < 2; ++i) {
    header.salt[i] = load_be32(data, 8 + 4 * i);
    header.checksum[i] = load_be32(data, 16 + 4 * i);
  }
  return header;
}

WalScanner::WalScanner(const WalHeader& header)
    : header_(header), checksum_(header.checksum_order(), header.checksum[0], header.checksum[1]) {}

WalScanner::Verdict WalScanner::end(std::uint64_t offset, std::string what) {
  end_reason_ = Malformed{std::move(what), offset};
  return Verdict::kEnd;
}

WalScanner::Verdict WalScanner::feed(Bytes frame) {
  if (end_reason_) return Verdict::kEnd;
  if (frame.size() != kWalFrameHeaderBytes + header_.page_size) {
    return end(frame.size(), fmt::format("frame has {} bytes of {}", frame.size(),
                                         kWalFrameHeaderBytes + header_.page_size));
  }
  const auto parsed = parse_wal_frame_header(frame);
  if (!parsed) return end(parsed.error().offset, parsed.error().what);
  if (parsed->salt[0] != header_.salt[0] || parsed->salt[1] != header_.salt[1]) {
    return end(8, fmt::format("frame salts are {:08x} {:08x}, the WAL's are {:08x} {:08x}", parsed->salt[0],
                              parsed->salt[1], header_.salt[0], header_.salt[1]));
  }
  checksum_.add(frame.first(kFrameHeaderBytesSummed));
  checksum_.add(frame.subspan(kWalFrameHeaderBytes));
  if (checksum_.first() != parsed->checksum[0] || checksum_.second() != parsed->checksum[1]) {
    return end(
        16, fmt::format("frame checksum is {:08x} {:08x}, its bytes give {:08x} {:08x}", parsed->checksum[0],
                        parsed->checksum[1], checksum_.first(), checksum_.second()));
  }
  ++last_valid_;
  if (!parsed->is_commit()) return Verdict::kFrame;
  last_commit_ = last_valid_;
  page_count_ = parsed->size_after_commit;
  return Verdict::kCommit;
}

}  // namespace litewright
