// Proves a chain of segments: every page version from its snapshot on is applied in order and held against
// its recorded checksum, and every commit's whole-database checksum against the sum of its pages.
//
// The versions of many segments are merged by page. While a page goes through its versions, the differences
// of its checksum are added up for each commit; when all pages are through, their running sum must be each
// commit's checksum. Chains too long for that in one go are proven in stretches, the state between two of
// them kept in an unnamed file as large as the database.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "archive/cover.h"

namespace litewright {

struct ChainProofOptions {
  int threads = 2;
  std::string scratch_folder = {};  // for the unnamed file
  // A stretch is as many segments as keep both; at least one. Frames of 64 KiB a thread, and 100 bytes.
  std::size_t max_open_runs = 256;
  std::uint64_t max_commits = 1 << 17;
  std::function<void(std::uint64_t bytes)> progress =
      {};                                                // bytes of objects gone through since the last call
  std::function<void(const CommitRecord&)> proven = {};  // each commit of the chain, in order
  // So many segments from the chain's beginning on were proven before: their last commit is restored, and the
  // rest proven on it.
  std::size_t proven_before = 0;
  std::function<void(std::size_t)> stretch_done = {};  // segments from the chain's beginning on proven by now
};

struct ChainFault {
  std::string object;  // the segment that is not what it should be
  std::string what;
};

// Nothing where the chain is sound. Throws only for what is not the archive's fault.
std::optional<ChainFault> prove_chain(const ObjectStore& store, const SegmentChain& chain,
                                      const ChainProofOptions& options);

}  // namespace litewright
