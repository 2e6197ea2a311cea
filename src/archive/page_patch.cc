#include "archive/page_patch.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "archive/delta_writer.h"
#include "archive/segment_bytes.h"

namespace litewright {

PagePatch::PagePatch(std::size_t page_size) : from_(page_size), literals_(page_size) { clear(); }

void PagePatch::clear() { std::iota(from_.begin(), from_.end(), 0u); }

bool PagePatch::lay(Bytes delta) {
  old_from_ = from_;
  old_literals_ = literals_;
  ByteReader reader(delta);
  std::size_t at = 0;
  while (!reader.at_end()) {
    const std::uint64_t head = reader.varint();
    const std::uint64_t length = head >> 2;
    if (!reader.ok() || length > from_.size() - at) return false;
    const auto count = static_cast<std::size_t>(length);
    const auto here = static_cast<std::ptrdiff_t>(at);
    if ((head & 3) == DeltaWriter::kLiteral) {
      const Bytes bytes = reader.bytes(length);
      if (!reader.ok()) return false;
      std::ranges::copy(bytes, literals_.begin() + here);
      std::fill_n(from_.begin() + here, count, kLiteral);
    } else if ((head & 3) == DeltaWriter::kMoved) {
      const std::uint64_t there = at + reader.signed_varint();
      if (!reader.ok() || there > from_.size() || length > from_.size() - there) return false;
      std::copy_n(old_from_.begin() + static_cast<std::ptrdiff_t>(there), count, from_.begin() + here);
      std::copy_n(old_literals_.begin() + static_cast<std::ptrdiff_t>(there), count,
                  literals_.begin() + here);
    } else if ((head & 3) != DeltaWriter::kSame) {
      return false;
    }
    at += count;
  }
  return true;
}

std::optional<std::vector<std::byte>> PagePatch::delta() const {
  const auto writer = std::make_unique<DeltaWriter>(from_.size());
  const std::size_t size = from_.size();
  for (std::size_t at = 0; at < size && !writer->full();) {
    std::size_t end = at + 1;
    if (from_[at] == kLiteral) {
      while (end < size && from_[end] == kLiteral) ++end;
      writer->literal(&literals_[at], end - at);
    } else {
      while (end < size && from_[end] != kLiteral && from_[end] == from_[at] + (end - at)) ++end;
      writer->moved(end - at, static_cast<std::ptrdiff_t>(from_[at]) - static_cast<std::ptrdiff_t>(at));
    }
    at = end;
  }
  const auto bytes = writer->finish();
  if (!bytes) return std::nullopt;
  return std::vector<std::byte>(bytes->begin(), bytes->end());
}

}  // namespace litewright
