#include "archive/copy_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time_text.h"

namespace litewright {
namespace {

constexpr std::string_view kMagic{"SQLite format 3\0", 16};

void add_pages(PagesSummary& summary, Bytes pages) {
  for (std::size_t at = 0; at < pages.size(); at += summary.page_size) {
    const PageNumber page(++summary.pages);
    if (page == lock_page(summary.page_size)) continue;
    summary.checksum += page_checksum(page, pages.subspan(at, summary.page_size));
  }
}

}  // namespace

bool begins_as_database(Bytes beginning) { return text_of(beginning).starts_with(kMagic); }

void keep_below_ceiling(const PageSnapshot& snapshot, std::uint64_t ceiling) {
  const SnapshotHold held = snapshot.hold();
  if (held.pinned_bytes <= ceiling) return;
  throw Error(
      ErrorCode::kLocked,
      fmt::format("gave up after {}: the copy's read mark pins {} of the WAL, more than --wal-ceiling {}",
                  format_duration(held.age), format_size(held.pinned_bytes), format_size(ceiling)),
      "copy when less is written, raise --wal-ceiling, or archive without pinning: litewright protect DB");
}

PagesSummary copy_pages(PageSnapshot& snapshot, DurableFile& out, const CopyProgress& meanwhile) {
  PagesSummary summary{.page_size = snapshot.page_size()};
  const std::uint64_t all = std::uint64_t{snapshot.page_count()} * snapshot.page_size();
  std::vector<std::byte> buffer(PageSummer::kPieceBytes);
  for (std::uint64_t done = 0; done < all;) {
    const MutableBytes piece = MutableBytes(buffer).first(std::min<std::uint64_t>(buffer.size(), all - done));
    snapshot.read(PageNumber(summary.pages + 1), piece);
    add_pages(summary, piece);
    out.pwrite(piece, done);
    done += piece.size();
    if (meanwhile) meanwhile(done, all);
  }
  return summary;
}

void PageSummer::add(Bytes piece) {
  if (piece.empty()) return;
  if (summary_.pages == 0) {
    std::uint32_t size = begins_as_database(piece) && piece.size() >= 100 ? load_be16(piece, 16) : 0;
    if (size == 1) size = 65536;
    if (!valid_page_size(size)) {
      throw Error(ErrorCode::kDamaged, name_ + " is not a database: it does not begin as one",
                  "an encrypted database is copied by its archive alone: litewright protect DB");
    }
    summary_.page_size = size;
  }
  if (piece.size() % summary_.page_size != 0) {
    throw Error(ErrorCode::kDamaged, fmt::format("{} ends within page {}: it was cut off", name_,
                                                 summary_.pages + piece.size() / summary_.page_size + 1));
  }
  add_pages(summary_, piece);
}

}  // namespace litewright
