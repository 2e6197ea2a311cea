// The sink of the one pass: rows against their columns' rules, keys in order, and the sums by which rows and
// index entries are held against each other.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "check/check_plan.h"
#include "check/tree_walk.h"

namespace litewright {

// A set of keys, whatever their order: equal sums mean equal sets, but for a chance of 2^-64.
struct KeySum {
  std::uint64_t sum = 0, mixed = 0, count = 0;

  void add(std::uint64_t hash) {
    sum += hash;
    mixed += (hash ^ hash >> 31) * 0x9e3779b97f4a7c15U * (hash | 1);
    count++;
  }
  KeySum& operator+=(const KeySum& other) {
    sum += other.sum;
    mixed += other.mixed;
    count += other.count;
    return *this;
  }
  bool operator==(const KeySum&) const = default;
};

struct RowFault {
  enum class Kind : std::uint8_t { kRecord, kNull, kType, kKeyOrder, kNotUnique, kTooLong };
  Kind kind = Kind::kRecord;
  std::size_t tree = 0;
  PageNumber page = {};
  std::uint32_t cell = 0;
  std::optional<std::int64_t> rowid = {};
  std::string what = {};
};

// The keys that a row asks an index for, and those that the index has, as hashes. One thread's.
class KeyHasher {
 public:
  explicit KeyHasher(KeyEncoding encoding) : key_(encoding) {}
  // kBeyond: bytes of the key lie beyond what of the payload is at hand. kNotWanted: the index is partial.
  enum class State : std::uint8_t { kMade, kNotWanted, kBeyond };
  struct Made {
    State state = State::kMade;
    std::uint64_t hash = 0;
  };
  Made of_row(const IndexPlan& index, const RecordFields& row, std::int64_t rowid);
  Made of_entry(const IndexPlan& index, const RecordFields& entry);
  // For keys that come from a query: begin(), add each, hash().
  KeyHash& key() { return key_; }
  std::uint64_t hash() const { return key_.value(); }

 private:
  KeyHash key_;
};

// Entries of one b-tree, one after the other, each held against the one before.
class KeyOrder {
 public:
  explicit KeyOrder(KeyEncoding encoding) : encoding_(encoding) {}
  enum class Verdict { kFirst, kAscending, kNotAscending, kNotUnique };
  void forget() { has_before_ = false; }
  // `now` is swapped for the one before. Only `fields` are compared.
  Verdict next(const IndexPlan& index, std::size_t fields, RecordFields& now);
  void keep();  // the entry's bytes are about to go

 private:
  bool has_null(const IndexPlan& index) const;

  KeyEncoding encoding_;
  RecordFields before_;
  bool has_before_ = false;
  bool kept_ = false;
  std::vector<std::byte> bytes_;
};

class RowJudge final : public TreeSink {
 public:
  RowJudge(const CheckPlan& plan, bool agreement, const std::function<void(RowFault)>& fault);

  void begin_run(std::size_t tree, const std::vector<std::byte>* after) override;
  void entry(std::size_t tree, const TreeEntry& entry) override;
  void gap(std::size_t tree) override;
  void pages_end(std::size_t tree) override {
    order_.keep();
    (void)tree;
  }
  void end_run(std::size_t tree, const std::vector<std::byte>* before) override;
  void entry_between_runs(std::size_t tree, const TreeEntry& entry) override;

  // By index.
  const std::vector<KeySum>& rows() const { return rows_; }
  const std::vector<KeySum>& entries() const { return entries_; }
  std::uint64_t rows_seen() const { return rows_seen_; }
  std::uint64_t entries_seen() const { return entries_seen_; }

 private:
  void judge_row(const TablePlan& table, const TreeEntry& entry, bool ordered);
  void judge_columns(const TablePlan& table, const TreeEntry& entry);
  void judge_index_entry(std::size_t index, const TreeEntry& entry, bool ordered);
  void judge_order(const IndexPlan& index, std::size_t fields, const TreeEntry& entry);
  bool parse(const TreeEntry& entry, std::size_t fields);
  // The b-tree's own key, where it has one.
  const IndexPlan* key_of(std::size_t tree, std::size_t& fields) const;
  void report(RowFault::Kind kind, const TreeEntry& entry, std::string what);

  const CheckPlan& plan_;
  bool agreement_;
  const std::function<void(RowFault)>& fault_;
  std::size_t tree_ = 0;
  RecordFields fields_;
  KeyHasher hasher_;
  KeyOrder order_;
  std::vector<KeySum> rows_, entries_;
  std::uint64_t rows_seen_ = 0, entries_seen_ = 0;
};

// Whether the text is a number from end to end, as numeric affinity takes it.
bool is_numeric_text(Bytes text, KeyEncoding encoding);

}  // namespace litewright
