// Thins page versions: of a stretch of commits only some stay restore points, and each page keeps only the
// versions that these need. Differences between them are joined without the page they build on; what a
// dropped commit did by its size (a page that left the database comes back as zeros) is told by versions.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "archive/page_merge.h"

namespace litewright {

struct ThinStretch {
  std::span<const MergeSource> sources;   // in order of arrival
  std::span<const CommitRecord> commits;  // all that the sources hold, ascending
  std::vector<bool> kept;                 // of `commits`; the last one always
  std::uint32_t page_size = 0;
  bool from_nothing = false;  // the first source is a snapshot's: before it there were no pages
};

// Gives `sink` the versions that stay, in ascending order of page, those of a page in order of arrival, each
// borrowed until it returns: each as a change to the one before it in what stays. Restoring a kept commit
// from them gives what it gave from the sources. Memory: a frame for each of overlap(sources), and 20 bytes a
// byte of a page. Throws Error{kDamaged}.
void thin_versions(const ThinStretch& stretch, const std::function<void(const PageVersion&)>& sink);

}  // namespace litewright
