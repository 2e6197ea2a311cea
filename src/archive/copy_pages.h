// Whole databases as streams of pages: from a snapshot into a file, and from a file back, with the
// whole-database checksum on the way.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "archive/byte_stream.h"
#include "base/checksum.h"
#include "base/durable_file.h"
#include "sqlite/page_snapshot.h"

namespace litewright {

struct PagesSummary {
  std::uint32_t page_size = 0;  // 0: an empty file, which is a database too
  std::uint32_t pages = 0;
  Checksum128 checksum = {};  // as of a commit in an archive: the sum of the pages', the lock page left out
};

// Called with bytes done and in all; what it throws ends the work.
using CopyProgress = std::function<void(std::uint64_t done, std::uint64_t all)>;

// The snapshot's pages into `out`, from its beginning. `meanwhile` is called every MiB.
PagesSummary copy_pages(PageSnapshot& snapshot, DurableFile& out, const CopyProgress& meanwhile);

// Throws Error{kLocked} where the snapshot pins more than `ceiling` bytes of the WAL.
void keep_below_ceiling(const PageSnapshot& snapshot, std::uint64_t ceiling);

// Takes a database file in pieces that begin at its beginning. Every piece but the last is a multiple of
// kPieceBytes long.
class PageSummer {
 public:
  static constexpr std::size_t kPieceBytes = 1u << 20;

  explicit PageSummer(std::string name) : name_(std::move(name)) {}
  // Throws Error{kDamaged} where it is no database or the file ends within a page.
  void add(Bytes piece);
  PagesSummary summary() const { return summary_; }

 private:
  std::string name_;
  PagesSummary summary_;
};

// True where a file begins as a database does.
bool begins_as_database(Bytes beginning);

}  // namespace litewright
