// A restore that builds on another state of the same database: only pages that differ are read from the
// archive. The archive's indexes hold a checksum for each page, so the two are told apart without any page of
// the archive being decoded.
#pragma once

#include "archive/restore.h"

namespace litewright {

struct DeltaRestoreResult {
  RestoreResult restored;        // bytes_written: of pages from the archive
  std::uint64_t pages_made = 0;  // from the archive; the others were as they should be
  bool shares_blocks = false;    // with `source`, as far as they are equal (reflink)
};

// Fills `file_descriptor` (open for reading and writing, empty) as restore_pages() does, from `source` (open
// for reading; any content, it is not changed and must not change meanwhile) and the archive. Where the file
// system can, both share the blocks that are equal; else they are copied. The whole is proven as in a full
// restore, of what was really read from `source`.
// Memory: 16 MiB for the page checksums at hand, a bit a page.
DeltaRestoreResult restore_over(const ObjectStore& store, const RestorePlan& plan, int source,
                                int file_descriptor, const RestoreOptions& options);

}  // namespace litewright
