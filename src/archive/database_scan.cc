#include "archive/database_scan.h"

#include <algorithm>

namespace litewright {
namespace {
constexpr std::uint32_t kChunkBytes = 1 << 20;
}

DatabaseScan::DatabaseScan(const MainFile& file, Ledger& ledger, const FrameCapture* capture,
                           std::uint32_t page_size)
    : file_(file), ledger_(ledger), capture_(capture), page_size_(page_size) {}

bool DatabaseScan::step(Txid txid, CaptureBatch& batch) {
  const std::uint64_t pages_in_file = file_.main_bytes() / page_size_;
  if (next_.value > pages_in_file) return false;
  const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      std::max<std::uint32_t>(kChunkBytes / page_size_, 1), pages_in_file - next_.value + 1));
  chunk_.resize(std::size_t{count} * page_size_);
  file_.read_main(std::uint64_t{next_.value - 1} * page_size_, chunk_);
  for (std::uint32_t i = 0; i < count; i++, ++next_) {
    if (next_ == lock_page(page_size_)) continue;
    if (capture_ != nullptr && capture_->was_collected(next_)) continue;
    const Bytes content = Bytes(chunk_).subspan(std::size_t{i} * page_size_, page_size_);
    const Checksum128 checksum = page_checksum(next_, content);
    if (checksum == ledger_.get(next_)) continue;
    batch.versions.add({next_, txid, PageVersion::Kind::kWhole, content, checksum});
    ledger_.set(next_, checksum);
    pages_changed_++;
  }
  return true;
}

}  // namespace litewright
