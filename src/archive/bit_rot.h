// Pages of a database that are not as its newest archived commit left them, although nobody committed since:
// a disk, a cable or a stray write changed them.
//
// That nobody committed is proven in one of three ways, else nothing is compared: the WAL ends where capture
// stood after that commit; without a WAL page 1, and so the change counter, is as archived; or the files were
// last written before the commit was seen.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archive/catalogue.h"
#include "base/finding.h"
#include "sqlite/page_snapshot.h"

namespace litewright {

struct BitRotReport {
  std::string not_compared = {};  // why; empty: it was
  Txid txid = {};                 // the commit compared with
  std::uint64_t pages = 0;        // compared
  std::uint64_t differing = 0;
  std::vector<PageNumber> first = {};  // of them, at most kMostNamed
  static constexpr std::size_t kMostNamed = 20;
};

// Reads all pages of `now`. `last_written`: the newest time of the database's files. `folder`: for the page
// ledger's anonymous file. Throws Error{kDamaged} where the archive's own record can't be rebuilt.
BitRotReport look_for_rot(const ObjectStore& store, const Catalogue& catalogue, PageSnapshot& now,
                          WallTime last_written, const std::string& folder);

// bit-rot.page (critical) for each page named. `database` as it was named.
std::vector<Finding> bit_rot_findings(const BitRotReport& report, std::uint32_t page_size,
                                      const std::string& database);

}  // namespace litewright
