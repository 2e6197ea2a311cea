// Old plain copies go to cheaper storage: a folder a month, each copy read back there before it goes here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "archive/copy_folder.h"
#include "base/clock.h"

namespace litewright {

struct ColdCopiesRequest {
  std::filesystem::path from = {};  // a folder of plain copies
  std::filesystem::path to = {};    // COLD/202611/…
  WallTime cutoff{};                // copies taken before it go
  bool dry_run = false;
  std::function<void(const CopyEntry&)> moved = {};  // hears of each; may be empty
};

struct ColdCopiesOutcome {
  std::size_t moved = 0;
  std::uint64_t bytes = 0;
  std::size_t left = 0;  // old, but without a record of ours, or not as it says: never touched
};

// The newest copy of each database stays, however old. Interrupted anywhere, a copy is in one place at least,
// and whole there; run again, it goes on. Where a copy of another database has its name there, it gets a
// number. Throws Error{kIo} where a copy does not read back; Error{kDamaged}, when all others are moved,
// where one is no longer what its record says: it stays where it is.
ColdCopiesOutcome move_cold_copies(const ColdCopiesRequest& request);

}  // namespace litewright
