// Makes a database file from a plan: all runs of the plan's segments merged by page number, each page written
// once, in order, its checksum held against the archive's, the whole against the commit's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "archive/restore_plan.h"

namespace litewright {

inline constexpr int kMostRestoreThreads = 8;
// Frames open in all threads together: their memory.
inline constexpr std::size_t kMostOpenRuns = 512;

struct RestoreOptions {
  int threads = 0;  // page ranges are merged in parallel; 0: all cores, at most kMostRestoreThreads
  // Of runs that hold one and the same page at most so many are open at once in a thread (a decoded frame of
  // about 64 KiB each). More are laid over the file in several passes, the later over what the earlier made.
  std::size_t max_open_runs = 256;
  // Only these pages are made (restore_delta.h): the file holds the others already, right, and their
  // checksums make up `others`. Null: all.
  const PageSet* only = nullptr;
  Checksum128 others = {};
  // Called with pages done and all pages, from any of the threads (serialised), a few times a second.
  std::function<void(std::uint64_t, std::uint64_t)> progress = {};
};

// Takes the disk space at once: it lies together, and a disk too small is found before the work. Only where
// the file system can; what is not written reads as zeros all the same.
void reserve_space(int file_descriptor, std::uint64_t size);
// As many as the options mean on this machine.
int restore_threads(const RestoreOptions& options);

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
