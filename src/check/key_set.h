// Sets of keys within a bounded memory, filled by several threads and asked by several: bits for rowids that
// lie close together, a table of 64-bit hashes for everything else. A set too large for its memory is made in
// passes: each holds the keys of one part of all numbers, and only those count in it.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <mutex>
#include <vector>

namespace litewright {

// A one-to-one mixing: rowids become hashes without collisions.
constexpr std::uint64_t mixed_rowid(std::uint64_t rowid) {
  std::uint64_t x = rowid + 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

// A bit for each number from `low` to `high`. add() may be called by several threads at once.
class RowidBits {
 public:
  RowidBits(std::int64_t low, std::int64_t high);
  // Bytes that it would take; saturates.
  static std::uint64_t bytes_for(std::int64_t low, std::int64_t high);

  // False: outside of the range.
  bool add(std::int64_t rowid) {
    const std::uint64_t at = static_cast<std::uint64_t>(rowid) - low_;
    if (at >= count_) return false;
    std::atomic_ref(words_[at / 64]).fetch_or(std::uint64_t{1} << at % 64, std::memory_order_relaxed);
    return true;
  }
  bool contains(std::int64_t rowid) const {
    const std::uint64_t at = static_cast<std::uint64_t>(rowid) - low_;
    return at < count_ && (words_[at / 64] >> at % 64 & 1) != 0;
  }

 private:
  std::uint64_t low_, count_;
  std::vector<std::uint64_t> words_;
};

// Open addressing; never more than two thirds full.
class HashSet {
 public:
  HashSet() : HashSet(0) {}
  explicit HashSet(std::size_t keys);
  void add(std::uint64_t hash);
  bool contains(std::uint64_t hash) const {
    const std::uint64_t wanted = hash != 0 ? hash : 1;
    for (std::size_t at = hash & mask_; slots_[at] != 0; at = (at + 1) & mask_) {
      if (slots_[at] == wanted) return true;
    }
    return false;
  }
  std::uint64_t bytes() const { return slots_.size() * sizeof(slots_[0]); }
  // Asks for the memory that contains() will look at.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[hash & mask_]); }

 private:
  std::size_t mask_;
  std::vector<std::uint64_t> slots_;  // 0: free; a hash of 0 stands as 1
};

// Collects the hashes of one pass. The number of passes is found on the way of the first: as often as the
// keys are more than `most_keys`, the pass takes half as many of all numbers.
class HashCollector {
 public:
  HashCollector(unsigned threads, std::size_t most_keys);

  // Passes count from 0; the first decides how many there are.
  void begin_pass(unsigned pass);
  // `thread` below `threads`; each used by one thread at a time.
  void add(unsigned thread, std::uint64_t hash);
  // Ends the pass. What was collected is given back to the machine.
  HashSet take();

  unsigned passes() const { return 1U << shift_.load(); }
  // Whether the hash counts in this pass.
  bool in_pass(std::uint64_t hash) const {
    return part(hash, shift_.load(std::memory_order_relaxed)) == pass_;
  }

 private:
  static std::uint64_t part(std::uint64_t hash, unsigned shift) {
    return shift == 0 ? 0 : hash >> (64 - shift);
  }
  struct alignas(64) Share {
    std::vector<std::uint64_t> keys;
    std::size_t counted = 0;  // of them in total_
    unsigned shift = 0;       // that they were sifted by
  };
  void settle(Share& share);
  void sift(Share& share) const;

  const std::size_t most_keys_;
  unsigned pass_ = 0;
  std::atomic<unsigned> shift_{0};
  std::mutex growing_;  // guards total_, and shift_ against two threads raising it
  std::size_t total_ = 0;
  std::vector<Share> shares_;
};

}  // namespace litewright
