// Reads everything in an archive and says what is not as it was written.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "archive/catalogue.h"
#include "archive/data_subset.h"
#include "archive/verify_record.h"

namespace litewright {

struct VerifyDamage {
  std::string object;          // of a missing one: the name it would have
  std::string what;            // "frame 3 of run 0: checksum is not the recorded one"
  Txid first_lost, last_lost;  // commits that can no longer be restored because of it; 0 and 0: none (a newer
                               // object covers)
};

struct VerifyReport {
  std::uint64_t data_objects = 0, data_bytes = 0;  // read whole: all, or the subset
  std::optional<WallTime> resumed_from;            // when the run began that this one went on with
  std::uint64_t trusted_objects = 0;               // of these neither: proven not long ago
  std::uint64_t objects = 0, bytes = 0, commits = 0, page_versions = 0;
  std::vector<VerifyDamage> damage;
  std::vector<MissingRange> missing;
};

struct VerifyOptions {
  int threads = 2;
  // Of all objects the indexes are read, of these all bytes. Less than everything: pages are not put
  // together.
  DataSubset subset = {};
  VerifyRecord* record = nullptr;  // what is done is noted there
  VerifyRecord::Begin begin =
      VerifyRecord::Begin::kResume;  // and, where a run was interrupted, not done again
  // Objects that a finished run, by the record, read whole and proved at most so long ago are not read again;
  // 0: all are. What happened to them since is not seen.
  std::chrono::nanoseconds trust = {};
  // For the unnamed file, as large as the database, that a long history needs; empty: the temporary folder.
  std::string scratch_folder = {};
  std::function<void(std::uint64_t bytes_done, std::uint64_t bytes_all)> progress = {};
};

// Every object's bytes, every frame, every page version applied in order from each snapshot on with its
// checksum held against the recorded one, every commit's whole-database checksum, the chain of commits, the
// named points, the proofs. Damage is reported, not thrown: the rest is verified without the damaged object.
// What can't be seen from the store alone: that the newest objects were deleted, unless a named point is
// among their commits.
VerifyReport verify_archive(const ObjectStore& store, const VerifyOptions& options);

}  // namespace litewright
