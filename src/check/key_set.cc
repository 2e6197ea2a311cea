#include "check/key_set.h"

#include <algorithm>
#include <limits>

namespace litewright {
namespace {

constexpr std::size_t kKeysBetweenLooks = 4096;
constexpr unsigned kMostShift = 10;  // 1,024 passes: thousands of millions of keys

}  // namespace

RowidBits::RowidBits(std::int64_t low, std::int64_t high)
    : low_(static_cast<std::uint64_t>(low)),
      count_(high < low ? 0 : static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1),
      words_((count_ + 63) / 64) {}

std::uint64_t RowidBits::bytes_for(std::int64_t low, std::int64_t high) {
  if (high < low) return 0;
  return (static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low)) / 8 + 8;
}

HashSet::HashSet(std::size_t keys)
    : mask_(std::bit_ceil(std::max<std::size_t>(keys + keys / 2, 16)) - 1), slots_(mask_ + 1) {}

void HashSet::add(std::uint64_t hash) {
  const std::uint64_t kept = hash != 0 ? hash : 1;
  std::size_t at = hash & mask_;
  while (slots_[at] != 0 && slots_[at] != kept) at = (at + 1) & mask_;
  slots_[at] = kept;
}

HashCollector::HashCollector(unsigned threads, std::size_t most_keys)
    : most_keys_(most_keys), shares_(threads) {}

void HashCollector::begin_pass(unsigned pass) {
  pass_ = pass;
  total_ = 0;
  for (Share& share : shares_) share = {.keys = {}, .counted = 0, .shift = shift_.load()};
}

void HashCollector::add(unsigned thread, std::uint64_t hash) {
  Share& share = shares_[thread];
  if (part(hash, share.shift) != pass_) return;
  share.keys.push_back(hash);
  if (share.keys.size() - share.counted >= kKeysBetweenLooks) settle(share);
}

void HashCollector::settle(Share& share) {
  const std::lock_guard lock(growing_);
  total_ += share.keys.size() - share.counted;
  share.counted = share.keys.size();
  // Hashes spread evenly: after the first pass the parts are as large as it was.
  if (pass_ == 0 && total_ > most_keys_ && shift_.load() < kMostShift) {
    shift_.fetch_add(1);
    total_ /= 2;
  }
  if (share.shift != shift_.load()) {
    sift(share);
    share.counted = share.keys.size();
  }
}

void HashCollector::sift(Share& share) const {
  share.shift = shift_.load();
  std::erase_if(share.keys, [&](std::uint64_t hash) { return part(hash, share.shift) != pass_; });
}

HashSet HashCollector::take() {
  std::size_t keys = 0;
  for (Share& share : shares_) {
    sift(share);
    keys += share.keys.size();
  }
  HashSet set(keys);
  for (Share& share : shares_) {
    for (const std::uint64_t hash : share.keys) set.add(hash);
    share = {.keys = {}, .counted = 0, .shift = share.shift};
  }
  return set;
}

}  // namespace litewright
