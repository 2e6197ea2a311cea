// In which commits of a stretch a page is part of the database: those with a size of at least its number.
// Asked for ascending pages, it costs a logarithmic step for each commit that drops out.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "archive/segment.h"

namespace litewright {

// Commits are counted from 0 in their span.
class AliveCommits {
 public:
  // The commits must stay in place.
  explicit AliveCommits(std::span<const CommitRecord> commits);

  // Moves on to `page`, which is not below the one before, and gives the intervals [first, last] of commits
  // that hold it, as first -> last, ascending.
  const std::map<std::uint32_t, std::uint32_t>& at(PageNumber page);

 private:
  void remove(std::uint32_t commit);

  std::span<const CommitRecord> commits_;
  std::vector<std::uint32_t> by_size_;  // commits, the smallest database first
  std::size_t removed_ = 0;             // so many of by_size_ are out
  std::map<std::uint32_t, std::uint32_t> intervals_;
};

}  // namespace litewright
