// Segments for tests: versions and commits made from a seed, and versions that own their bodies.
#pragma once

#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "archive/segment.h"

namespace litewright::segment_samples {

struct OwnedVersion {
  PageNumber page;
  Txid txid;
  PageVersion::Kind kind = PageVersion::Kind::kWhole;
  std::vector<std::byte> body;
  Checksum128 checksum;

  bool operator==(const OwnedVersion&) const = default;
  PageVersion view() const { return {page, txid, kind, body, checksum}; }
};

inline void PrintTo(const OwnedVersion& version, std::ostream* out) {
  *out << "page " << version.page.value << " txid " << version.txid.value << " of " << version.body.size()
       << " bytes";
}

inline OwnedVersion own(const PageVersion& version) {
  return {
      version.page, version.txid, version.kind, {version.body.begin(), version.body.end()}, version.checksum};
}

// Pages 1 to 64, whole ones and deltas of up to 100 bytes, txids in (0, last], in random order.
inline std::vector<OwnedVersion> random_versions(std::uint32_t seed, int count, std::uint32_t page_size,
                                                 Txid last) {
  std::mt19937 random(seed);
  std::vector<OwnedVersion> versions;
  for (int i = 0; i < count; ++i) {
    OwnedVersion version;
    version.page = PageNumber(1 + random() % 64);
    version.txid = Txid(1 + random() % last.value);
    const bool whole = random() % 8 == 0;
    version.kind = whole ? PageVersion::Kind::kWhole : PageVersion::Kind::kDelta;
    version.body.resize(whole ? page_size : random() % 100);
    for (auto& byte : version.body) byte = static_cast<std::byte>(random() % 16);
    version.checksum = {random(), random()};
    versions.push_back(std::move(version));
  }
  return versions;
}

// One commit each for (base, last]; every seventh is a reconciled gap.
inline std::vector<CommitRecord> sample_commits(Txid base, Txid last) {
  std::vector<CommitRecord> commits;
  std::mt19937 random(static_cast<std::uint32_t>(last.value));
  for (Txid txid = base.next(); txid <= last; ++txid) {
    CommitRecord commit;
    commit.txid = txid;
    commit.seen_at =
        WallTime(std::chrono::nanoseconds(1'790'000'000'000'000'000 + std::int64_t(txid.value) * 250'000));
    commit.page_count = 1000 - 3 * static_cast<std::uint32_t>(random() % 300);
    commit.checksum = {random(), random()};
    commit.reconciled = txid.value % 7 == 0;
    if (commit.reconciled) commit.gap_since = commit.seen_at - std::chrono::seconds(100);
    commits.push_back(commit);
  }
  return commits;
}

// Writes sorted versions as one segment; gives its name.
inline std::string write_sample(ObjectStore& store, const SegmentHeader& header,
                                const std::vector<OwnedVersion>& versions, int threads = 1) {
  SegmentWriterOptions options;
  options.header = header;
  options.threads = threads;
  SegmentWriter writer(store, options);
  for (const auto& version : versions) writer.add(version.view());
  writer.finish(sample_commits(header.base, header.last), WalPosition{{1, 2}, FrameNumber(3), 4});
  return segment_name(header.base, header.last);
}

}  // namespace litewright::segment_samples
