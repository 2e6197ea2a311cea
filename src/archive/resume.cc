#include "archive/resume.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "archive/restore.h"
#include "archive/restore_plan.h"
#include "format/wal.h"

namespace litewright {
namespace {

constexpr int kSampledPages = 64;

void fill_from_pages(const ObjectStore& store, const Catalogue& catalogue, Ledger& ledger) {
  const RestorePlan plan = plan_restore(store, catalogue, RestorePoint{});
  ledger.resize(0);
  visit_pages(store, plan,
              [&ledger](PageNumber page, Bytes content) { ledger.set(page, page_checksum(page, content)); });
  ledger.resize(plan.commit.page_count);
}

// The frame that holds each page's newest version, of those up to `max_frame`.
FrameMap pages_in_wal(const WalGuard& guard, std::uint32_t page_size, FrameNumber max_frame) {
  FrameMap in_wal;
  std::byte header[kWalFrameHeaderBytes];
  for (FrameNumber frame(1); frame <= max_frame; ++frame) {
    guard.read_wal(frame_offset(frame, page_size), header);
    if (const auto parsed = parse_wal_frame_header(header)) in_wal.put(parsed->page, frame);
  }
  return in_wal;
}

// Pages that no frame of this generation covers are in the file as the ledger has them, or it is another
// file. Frames behind the archived ones count too: they may have been copied back while nobody followed.
bool sample_agrees(const WalGuard& guard, std::uint32_t page_size, FrameNumber max_frame, Ledger& ledger) {
  if (ledger.page_count() == 0) return false;
  const FrameMap in_wal = pages_in_wal(guard, page_size, max_frame);
  std::minstd_rand random(max_frame.value + 1);
  std::vector<std::byte> content(page_size);
  for (int i = 0; i < kSampledPages; i++) {
    const PageNumber page(1 + static_cast<std::uint32_t>(random()) % ledger.page_count());
    if (page == lock_page(page_size) || in_wal.get(page).value != 0) continue;
    guard.read_main(std::uint64_t{page.value - 1} * page_size, content);
    if (page_checksum(page, content) != ledger.get(page)) return false;
  }
  return true;
}

}  // namespace

void rebuild_ledger(const ObjectStore& store, const Catalogue& catalogue, Ledger& ledger) {
  const std::vector<const SegmentEntry*> line = catalogue.line();
  if (line.empty()) return;
  // What was before the last snapshot says nothing about now; its pages may be of another size.
  const auto newest_snapshot = std::ranges::find_if(line.rbegin(), line.rend(), &SegmentEntry::is_snapshot);
  for (auto at = newest_snapshot == line.rend() ? line.begin() : newest_snapshot.base() - 1; at != line.end();
       ++at) {
    const SegmentEntry* entry = *at;
    const Segment segment(store, entry->name);
    for (std::size_t run = 0; run < segment.runs().size(); run++) {
      segment.page_checksums(
          run, [&](PageNumber page, const Checksum128& checksum) { ledger.set(page, checksum); });
    }
    ledger.resize(entry->last.page_count);
  }
  const Checksum128 expected = line.back()->last.checksum;
  if (ledger.sum() != expected) fill_from_pages(store, catalogue, ledger);
  if (ledger.sum() != expected) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("the archive's pages do not add up to commit {}", line.back()->last.txid.value),
                "litewright verify DB");
  }
}

std::vector<std::byte> read_first_page(const WalGuard& guard, const WalIndex& index,
                                       std::uint32_t page_size) {
  std::vector<std::byte> page(page_size);
  const FrameNumber frame = pages_in_wal(guard, page_size, index.header.max_frame).get(PageNumber(1));
  if (frame.value != 0) {
    guard.read_wal(frame_offset(frame, page_size) + kWalFrameHeaderBytes, page);
  } else {
    guard.read_main(0, page);
  }
  return page;
}

Continuity prove_continuity(const WalGuard& guard, const WalIndex& index, std::uint32_t page_size,
                            const std::optional<WalPosition>& archived, Ledger& ledger) {
  using Kind = Continuity::Kind;
  if (!archived || archived->frame.value == 0 || archived->commit_hash == 0) return {};
  const bool same_wal =
      archived->salt[0] == index.header.salt[0] && archived->salt[1] == index.header.salt[1];
  if (!same_wal) return {};
  if (index.header.max_frame < archived->frame) return {Kind::kForked, {}};
  if (FrameCapture::commit_hash_at(guard, page_size, archived->frame) != archived->commit_hash)
    return {Kind::kForked, {}};
  if (!sample_agrees(guard, page_size, index.header.max_frame, ledger)) return {Kind::kForked, {}};
  return {Kind::kContinues, archived->frame};
}

}  // namespace litewright
