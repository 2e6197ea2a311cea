// libFuzzer: any bytes as a segment's object are read in full or refused with Error{kDamaged}.
//
// Nothing gets past the checksums by chance, so the input's own are mended first: the footer's, the run
// table's, the commit index's and each run's, as far as the footer names places within the object.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "archive/segment.h"
#include "archive/segment_bytes.h"
#include "archive/segment_format.h"
#include "base/error.h"
#include "store/memory_store.h"

using namespace litewright;
using namespace litewright::segment_format;

namespace {

using Object = std::vector<std::byte>;

void put_checksum(Object& object, std::uint64_t at, std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t size = object.size();
  if (begin > end || end > size || at > size || size - at < 8) return;
  std::vector<std::byte> sum;
  ByteWriter(sum).u64(checksum64(Bytes(object).subspan(begin, end - begin)));
  std::copy(sum.begin(), sum.end(), object.begin() + static_cast<std::ptrdiff_t>(at));
}

std::uint64_t number(const Object& object, std::uint64_t at, int bytes) {
  if (at > object.size() || object.size() - at < 8) return 0;
  ByteReader from(Bytes(object).subspan(at));
  return bytes == 8 ? from.u64() : from.u32();
}

void mend_frames(Object& object, std::uint64_t data, std::uint64_t table, std::uint64_t frames,
                 std::uint64_t sums) {
  for (std::uint64_t i = 0; i < frames && i < 64; ++i) {
    const std::uint64_t entry = table + i * kFrameEntryBytes;
    const std::uint64_t stored = number(object, entry + 8, 4),
                        ended = number(object, entry + 20, 4) * kChecksumBytes;
    put_checksum(object, entry + 24, data, data + stored);
    put_checksum(object, entry + 32, sums, sums + ended);
    data += stored;
    sums += ended;
  }
}

void mend_runs(Object& object, std::uint64_t runs, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count && i < 16; ++i) {
    const std::uint64_t entry = runs + i * kRunEntryBytes;
    const std::uint64_t frames = number(object, entry + 12, 4), data = number(object, entry + 24, 8);
    const std::uint64_t table = number(object, entry + 32, 8), stored = number(object, entry + 40, 4);
    if (table > object.size() || data > object.size() || frames > object.size()) continue;
    const std::uint64_t numbers = table + frames * kFrameEntryBytes;
    mend_frames(object, data, table, frames, numbers + stored);
    put_checksum(object, entry + 48, table, numbers);
    put_checksum(object, entry + 56, numbers, numbers + stored);
  }
}

std::size_t footer_size(const Object& object) {
  return footer_bytes(tail_version(Bytes(object).last(kTailBytes)).value_or(kSegmentFormatVersion));
}

void mend(Object& object) {
  const std::size_t size = footer_size(object);
  const std::uint64_t footer = object.size() - size, sums_at = footer + object_checksum_offset(size);
  const std::uint64_t commits = number(object, footer + 56, 8);
  const std::uint64_t sums = number(object, footer + 64, 4) * kChecksumBytes;
  const std::uint64_t runs = commits + number(object, footer + 68, 4) + sums;
  const std::uint64_t count = number(object, footer + 76, 4);
  if (commits < object.size() && runs < object.size()) {
    mend_runs(object, runs, count);
    put_checksum(object, footer + 80, commits, runs);
    put_checksum(object, footer + 88, runs, runs + count * kRunEntryBytes);
  }
  put_checksum(object, footer + kHeaderBytes - 8, footer, footer + kHeaderBytes - 8);
  put_checksum(object, sums_at, 0, sums_at);
  put_checksum(object, sums_at + 8, footer, sums_at + 8);
}

void read_all(const ObjectStore& store, const std::string& name) {
  const Segment segment(store, name);
  segment.verify_bytes();
  for (std::size_t run = 0; run < segment.runs().size(); ++run) {
    try {
      RunCursor cursor(segment, run);
      while (cursor.next()) continue;
      RunCursor part(segment, run, PageNumber(3), PageNumber(9));
      while (part.next()) continue;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged) throw;
    }
    segment.page_checksums(run, [](PageNumber, const Checksum128&) {});
  }
  (void)segment.commits();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Object object(reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size);
  std::string name = segment_name(Txid(0), Txid(1));
  if (size >= kHeaderBytes + kFooterBytes) {
    mend(object);
    const auto header = decode_header(Bytes(object).last(footer_size(object)));
    if (header) name = segment_name(header->base, header->last);
  }
  MemoryStore store;
  store.replace(name, object);
  try {
    read_all(store, name);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) std::abort();
  }
  return 0;
}
