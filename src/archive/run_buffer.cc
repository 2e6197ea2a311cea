#include <algorithm>

#include "archive/segment.h"

namespace litewright {
namespace {
constexpr std::size_t kChunkBytes = 256 << 10;
// Of entries and of bodies: what a quarter of a second's commits take. More was a burst's or a scan's.
constexpr std::size_t kMostKept = 1 << 20;
}  // namespace

Bytes RunBuffer::keep(Bytes body) {
  const auto has_room = [&](const Chunk& chunk) { return chunk.size - chunk.used >= body.size(); };
  while (filling_ < chunks_.size() && !has_room(chunks_[filling_])) filling_++;
  if (filling_ == chunks_.size()) {
    const std::size_t size = std::max(kChunkBytes, body.size());
    chunks_.push_back({std::make_unique_for_overwrite<std::byte[]>(size), size});
  }
  Chunk& chunk = chunks_[filling_];
  std::byte* const place = chunk.memory.get() + chunk.used;
  std::ranges::copy(body, place);
  chunk.used += body.size();
  body_bytes_ += body.size();
  return {place, body.size()};
}

void RunBuffer::add(const PageVersion& version) {
  entries_.push_back({version.page, version.kind, version.txid, keep(version.body), version.checksum});
}

std::size_t RunBuffer::bytes() const { return body_bytes_ + entries_.size() * sizeof(Entry); }

bool RunBuffer::empty() const { return entries_.empty(); }

void RunBuffer::clear() {
  entries_.clear();
  body_bytes_ = filling_ = 0;
  chunks_.resize(std::min(chunks_.size(), kMostKept / kChunkBytes));
  for (Chunk& chunk : chunks_) chunk.used = 0;
  if (entries_.capacity() * sizeof(Entry) > kMostKept) entries_ = {};
}

void RunBuffer::write_to(SegmentWriter& writer) const {
  // Page above arrival in one number: sorts fast, and keeps the order of arrival within a page.
  std::vector<std::uint64_t> order(entries_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = std::uint64_t{entries_[i].page.value} << 32 | i;
  std::ranges::sort(order);
  writer.end_run();
  for (const std::uint64_t key : order) {
    const Entry& entry = entries_[key & 0xffffffffu];
    writer.add({entry.page, entry.txid, entry.kind, entry.body, entry.checksum});
  }
  writer.end_run();
}

}  // namespace litewright
