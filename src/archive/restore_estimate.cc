#include "archive/restore_estimate.h"

#include <algorithm>
#include <ranges>

namespace litewright {

namespace {

constexpr int kProofsCounted = 3;  // the last: disks and databases change

double rate(const Catalogue& catalogue, std::string_view host) {
  const auto here = [&](const RestoreProof& proof) { return proof.host == host; };
  const bool any_here = std::ranges::any_of(catalogue.proofs, here);
  double seconds = 0;
  double bytes = 0;
  int counted = 0;
  for (const RestoreProof& proof : catalogue.proofs | std::views::reverse) {
    if (any_here && !here(proof)) continue;
    seconds += proof.restore_time.count();
    bytes += static_cast<double>(proof.bytes) + static_cast<double>(proof.bytes_read);
    if (++counted == kProofsCounted) break;
  }
  return bytes > 0 ? seconds / bytes : 0;
}

}  // namespace

RestoreEstimate::RestoreEstimate(const Catalogue& catalogue, std::string_view host)
    : seconds_a_byte_(rate(catalogue, host)) {
  std::uint64_t before = 0;
  for (const SegmentEntry* entry : catalogue.line()) {
    line_.push_back({entry->last.txid, before, entry->size});
    before += entry->size;
  }
  for (const SegmentEntry& entry : catalogue.segments) {
    if (entry.is_snapshot()) snapshots_.push_back({entry.first.txid, entry.last.txid, entry.size});
  }
  std::ranges::sort(snapshots_, {}, &Snapshot::last);
}

// Of the segments that lead from commit `after` to `upto`.
std::uint64_t RestoreEstimate::bytes_of_line(Txid after, Txid upto) const {
  const auto first = std::ranges::upper_bound(line_, after, {}, &Part::last);
  auto last = std::ranges::lower_bound(line_, upto, {}, &Part::last);
  if (last == line_.end() && last != line_.begin()) --last;
  if (first > last || first == line_.end()) return 0;
  return last->bytes_before + last->bytes - first->bytes_before;
}

std::optional<std::chrono::duration<double>> RestoreEstimate::of_bytes(std::uint64_t bytes_read,
                                                                       std::uint64_t bytes) const {
  if (!known()) return std::nullopt;
  return std::chrono::duration<double>(seconds_a_byte_ *
                                       (static_cast<double>(bytes_read) + static_cast<double>(bytes)));
}

std::optional<std::chrono::duration<double>> RestoreEstimate::of_commit(const CommitRecord& commit,
                                                                        std::uint32_t page_size) const {
  // The newest that begins at or before it, as the plan chooses.
  const Snapshot* from = nullptr;
  for (const Snapshot& snapshot : snapshots_) {
    if (snapshot.first <= commit.txid) from = &snapshot;
    if (snapshot.last >= commit.txid && from != nullptr) break;
  }
  if (from == nullptr) return std::nullopt;
  std::uint64_t read = from->bytes;
  if (from->last < commit.txid) read += bytes_of_line(from->last, commit.txid);
  return of_bytes(read, std::uint64_t{commit.page_count} * page_size);
}

}  // namespace litewright
