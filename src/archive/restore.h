// Makes a database file from a plan: all runs of the plan's segments merged by page number, each page written
// once, in order, its checksum held against the archive's, the whole against the commit's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "archive/restore_plan.h"

namespace litewright {

struct RestoreOptions {
  int threads = 2;  // page ranges are merged in parallel
  // Of runs that hold one and the same page at most so many are open at once in a thread (a decoded frame of
  // about 64 KiB each). More are laid over the file in several passes, the later over what the earlier made.
  std::size_t max_open_runs = 256;
  // Called with pages done and all pages, from any of the threads (serialised), a few times a second.
  std::function<void(std::uint64_t, std::uint64_t)> progress = {};
};

struct RestoreResult {
  std::uint32_t page_count = 0;
  std::uint64_t bytes_written = 0;
  Checksum128 checksum;  // proven equal to the commit's
};

// Writes the pages into `file_descriptor` (open for reading and writing, empty) and leaves it at its right
// size, fsynced. Throws Error{kDamaged} (naming object, page and commit) where the archive does not give what
// it recorded.
RestoreResult restore_pages(const ObjectStore& store, const RestorePlan& plan, int file_descriptor,
                            const RestoreOptions& options);

// Like restore_pages(), but where an object of the plan proves damaged, another chain to the same commit is
// taken while there is one. `damaged` gets what was met, in words. When none is left, the damage met last is
// thrown.
RestoreResult restore_around_damage(const ObjectStore& store, const Catalogue& catalogue,
                                    const RestorePlan& plan, int file_descriptor,
                                    const RestoreOptions& options, std::vector<BadObject>& damaged);

// Visits every page of the planned state in ascending order without writing a file: verify's and compare's
// way in. Pages nobody wrote, and the lock page, are visited as zeros. The whole is proven like a restore,
// but only at the end: Error{kDamaged} then means that what was visited is not the commit. With more than
// RestoreOptions::max_open_runs runs over one page it makes an unnamed file in the temporary folder.
void visit_pages(const ObjectStore& store, const RestorePlan& plan,
                 const std::function<void(PageNumber, Bytes)>& visit);

}  // namespace litewright
