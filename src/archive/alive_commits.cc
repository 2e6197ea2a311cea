#include "archive/alive_commits.h"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace litewright {

AliveCommits::AliveCommits(std::span<const CommitRecord> commits)
    : commits_(commits), by_size_(commits.size()) {
  std::iota(by_size_.begin(), by_size_.end(), 0u);
  std::ranges::sort(by_size_, {}, [&](std::uint32_t i) { return commits_[i].page_count; });
  if (!commits.empty()) intervals_[0] = static_cast<std::uint32_t>(commits.size() - 1);
}

const std::map<std::uint32_t, std::uint32_t>& AliveCommits::at(PageNumber page) {
  for (; removed_ < by_size_.size() && commits_[by_size_[removed_]].page_count < page.value; ++removed_) {
    remove(by_size_[removed_]);
  }
  return intervals_;
}

void AliveCommits::remove(std::uint32_t commit) {
  const auto holder = std::prev(intervals_.upper_bound(commit));
  const std::uint32_t last = holder->second;
  if (commit < last) intervals_[commit + 1] = last;
  if (holder->first == commit) {
    intervals_.erase(holder);
  } else {
    holder->second = commit - 1;
  }
}

}  // namespace litewright
