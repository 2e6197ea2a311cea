// Where an archiver stands when it comes (back): the ledger rebuilt from the archive, and whether the WAL
// still continues what was archived (FACTS 14, 33).
#pragma once

#include <optional>
#include <vector>

#include "archive/catalogue.h"
#include "archive/frame_capture.h"
#include "archive/ledger.h"

namespace litewright {

// Fills an empty ledger, made for the newest commit's page size, with the state after it, from the segments'
// page checksums.
// Its sum is held against the commit's; where a shrink hides in a segment the pages themselves are read
// instead.
void rebuild_ledger(const ObjectStore& store, const Catalogue& catalogue, Ledger& ledger);

struct Continuity {
  enum class Kind {
    kContinues,  // proven: go on after `position`
    kForked,     // the same generation of the WAL, but another history: a power cut took commits that were
                 // archived
    kUnknown,    // the WAL was restarted meanwhile: compare pages
  };
  Kind kind = Kind::kUnknown;
  FrameNumber position;
};

// Proven where the pinned WAL holds everything since the newest archived commit: salts, length and the last
// commit's hash agree, and a sample of the database file is what the ledger says.
Continuity prove_continuity(const WalGuard& guard, const WalIndex& index, std::uint32_t page_size,
                            const std::optional<WalPosition>& archived, Ledger& ledger);

// The database's first page as of the pinned WAL's end.
std::vector<std::byte> read_first_page(const WalGuard& guard, const WalIndex& index, std::uint32_t page_size);

}  // namespace litewright
