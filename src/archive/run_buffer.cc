#include <algorithm>

#include "archive/segment.h"

namespace litewright {
namespace {
// Of each vector: what a quarter of a second's commits take. More was a burst's or a scan's.
constexpr std::size_t kMostKept = 1 << 20;
}  // namespace

void RunBuffer::add(const PageVersion& version) {
  entries_.push_back({version.page, version.kind, version.txid, bodies_.size(),
                      static_cast<std::uint32_t>(version.body.size()), version.checksum});
  bodies_.insert(bodies_.end(), version.body.begin(), version.body.end());
}

std::size_t RunBuffer::bytes() const { return bodies_.size() + entries_.size() * sizeof(Entry); }

bool RunBuffer::empty() const { return entries_.empty(); }

void RunBuffer::clear() {
  entries_.clear();
  bodies_.clear();
  if (bodies_.capacity() > kMostKept) bodies_ = {};
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
    writer.add({entry.page, entry.txid, entry.kind, Bytes(bodies_).subspan(entry.offset, entry.length),
                entry.checksum});
  }
  writer.end_run();
}

}  // namespace litewright
