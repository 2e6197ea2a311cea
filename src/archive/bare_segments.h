// For tests: segments that hold commits and no page, for what is decided by ranges and times alone.
#pragma once

#include <vector>

#include "archive/segment.h"

namespace litewright {

// Commit n is seen at second 10 n of the samples' time.
inline WallTime sample_second(std::int64_t second) {
  return WallTime(std::chrono::seconds(1'800'000'000 + second));
}

// Commits (base, last], or from `first` on where it is given.
inline void put_bare_segment(ObjectStore& store, std::uint64_t base, std::uint64_t last,
                             std::uint64_t first = 0) {
  SegmentWriter writer(store, {.header = {.page_size = 512, .base = Txid(base), .last = Txid(last)}});
  std::vector<CommitRecord> commits;
  for (std::uint64_t txid = first > 0 ? first : base + 1; txid <= last; ++txid) {
    CommitRecord commit;
    commit.txid = Txid(txid);
    commit.seen_at = sample_second(10 * static_cast<std::int64_t>(txid));
    commits.push_back(commit);
  }
  writer.finish(commits, std::nullopt);
}

}  // namespace litewright
