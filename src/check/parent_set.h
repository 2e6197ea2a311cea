// The keys that a parent has, in a bounded memory, for children to be held against.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "check/key_form.h"
#include "check/key_set.h"
#include "check/page_source.h"
#include "check/parent_key.h"

namespace litewright {

// Made once for each pass; most parents need one. After build() it may be asked from every thread.
class ParentSet {
 public:
  // Borrows the table and the index of `parent`. `memory_bytes` bounds what the set takes, its making
  // included.
  ParentSet(const ParentKey& parent, bool utf8, unsigned threads, std::uint64_t memory_bytes,
            std::function<bool()> give_up);

  // What a key of this kind compares by; false: it can't be hashed (a collation of the application's own,
  // folded UTF-16).
  static bool can_hash(const ParentKey& parent, bool utf8);
  const std::vector<KeyRule>& rules() const { return rules_; }  // a column each; none for a rowid
  bool by_rowid() const { return rules_.empty(); }

  // Reads the parent's keys. Pass 0 first: it decides passes(). Throws Error{kDamaged} where the parent's
  // b-tree can't be read to its end.
  void build(PageSource& source, unsigned pass);
  unsigned passes() const { return bits_ ? 1 : collector_.passes(); }
  // About what it holds between two builds.
  std::uint64_t bytes() const { return bytes_; }

  // `number` as KeyNumber has it: a rowid, or a hash of this set's seed.
  bool is_missing(std::uint64_t number) const {
    if (bits_) return !bits_->contains(static_cast<std::int64_t>(number));
    const std::uint64_t hash = by_rowid() ? mixed_rowid(number) : number;
    return collector_.in_pass(hash) && !hashes_.contains(hash);
  }
  void prefetch(std::uint64_t number) const {
    if (!bits_) hashes_.prefetch(by_rowid() ? mixed_rowid(number) : number);
  }

  // The process's own, so that no file can be made to collide.
  static std::uint64_t seed();

 private:
  class RowidVisitor;
  class EntryVisitor;
  void settle_range(PageSource& source);
  void read_keys(PageSource& source);

  const ParentKey parent_;
  const unsigned threads_;
  std::uint64_t memory_bytes_;
  std::function<bool()> give_up_;
  std::vector<KeyRule> rules_;
  HashCollector collector_;
  HashSet hashes_;
  std::optional<RowidBits> bits_;
  std::uint64_t bytes_ = 0;
};

}  // namespace litewright
