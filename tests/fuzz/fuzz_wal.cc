// Logs of any bytes; once as they are, once with header and frame checksums made right so that the fuzzer
// comes past them.
#include <vector>

#include "base/bytes.h"
#include "format/wal.h"
#include "require.h"

using namespace litewright;

namespace {

void scan(Bytes wal) {
  const auto header = parse_wal_header(wal);
  if (!header) return;
  WalScanner scanner(*header);
  const std::size_t frame_bytes = kWalFrameHeaderBytes + header->page_size;
  const std::uint64_t frames = whole_frames(wal.size(), header->page_size);
  std::uint32_t commits = 0;
  for (std::uint32_t frame = 1; frame <= frames; ++frame) {
    const std::uint64_t at = frame_offset(FrameNumber(frame), header->page_size);
    require(at + frame_bytes <= wal.size());
    const auto verdict = scanner.feed(wal.subspan(at, frame_bytes));
    if (verdict == WalScanner::Verdict::kCommit) ++commits;
    require((verdict == WalScanner::Verdict::kEnd) == scanner.end_reason().has_value());
    require(scanner.last_commit() <= scanner.last_valid() && scanner.last_valid().value <= frame);
    require((commits == 0) == (scanner.page_count() == 0));
  }
}

std::vector<std::byte> mended(Bytes input) {
  std::vector<std::byte> wal(input.begin(), input.end());
  if (wal.size() < kWalHeaderBytes) return wal;
  const bool big_endian = (load_u8(wal, 3) & 1) != 0;
  store_be32(wal, 0, big_endian ? 0x377f0683 : 0x377f0682);
  store_be32(wal, 4, kWalVersion);
  const std::uint32_t page_size = 512u << (load_u8(wal, 11) % 4);
  store_be32(wal, 8, page_size);
  WalChecksum checksum(big_endian ? WalChecksum::ByteOrder::kBigEndian
                                  : WalChecksum::ByteOrder::kLittleEndian);
  checksum.add(Bytes(wal).first(24));
  store_be32(wal, 24, checksum.first());
  store_be32(wal, 28, checksum.second());
  for (std::uint32_t frame = 1; frame <= whole_frames(wal.size(), page_size); ++frame) {
    const std::size_t at = frame_offset(FrameNumber(frame), page_size);
    checksum.add(Bytes(wal).subspan(at, 8));
    checksum.add(Bytes(wal).subspan(at + kWalFrameHeaderBytes, page_size));
    store_be32(wal, at + 16, checksum.first());
    store_be32(wal, at + 20, checksum.second());
  }
  return wal;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input = fuzz_input(data, size);
  scan(input);
  const auto wal = mended(input);
  if (wal.size() >= kWalHeaderBytes) require(parse_wal_header(wal).has_value());
  scan(wal);
  return 0;
}
