// Reads everything in an archive and says what is not as it was written.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "archive/catalogue.h"

namespace litewright {

struct VerifyDamage {
  std::string object;          // of a missing one: the name it would have
  std::string what;            // "frame 3 of run 0: checksum is not the recorded one"
  Txid first_lost, last_lost;  // commits that can no longer be restored because of it; 0 and 0: none (a newer
                               // object covers)
};

struct VerifyReport {
  std::uint64_t objects = 0, bytes = 0, commits = 0, page_versions = 0;
  std::vector<VerifyDamage> damage;
  std::vector<MissingRange> missing;
};

struct VerifyOptions {
  int threads = 2;
  // For the unnamed file, as large as the database, that a long history needs; empty: the temporary folder.
  std::string scratch_folder = {};
  std::function<void(std::uint64_t bytes_done, std::uint64_t bytes_all)> progress = {};
};

// Every object's bytes, every frame, every page version applied in order from each snapshot on with its
// checksum held against the recorded one, every commit's whole-database checksum, the chain of commits, the
// named points. Damage is reported, not thrown: the rest is verified without the damaged object. What can't
// be seen from the store alone: that the newest objects were deleted, unless a named point is among their
// commits.
VerifyReport verify_archive(const ObjectStore& store, const VerifyOptions& options);

}  // namespace litewright
