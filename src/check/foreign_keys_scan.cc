#include "check/foreign_keys_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "base/error.h"
#include "check/parent_set.h"
#include "check/row_scan.h"

namespace litewright {
namespace {

constexpr std::uint64_t kLeastMemory = std::uint64_t{1} << 20;
// Rows of one key that SQL is asked about one by one; beyond that it is asked about the whole key.
constexpr std::size_t kMostUndecided = 100'000;

// A task with what its child's rows are held against.
struct Held {
  ForeignKeyTask task;
  const ParentSet* set = nullptr;
  std::vector<KeyRule> rules = {};       // the set's, with what the child's columns are
  std::vector<std::size_t> values = {};  // of ChildRow::values, in the order of the parent's key
};

// What one thread found of one key.
struct Found {
  std::uint64_t orphans = 0;
  std::vector<std::int64_t> rowids = {};     // the lowest of the orphans'
  std::vector<std::int64_t> undecided = {};  // bounded; `too_many` beyond that
  bool too_many = false;

  void add(const Found& other) {
    orphans += other.orphans;
    too_many |= other.too_many;
    rowids.insert(rowids.end(), other.rowids.begin(), other.rowids.end());
    undecided.insert(undecided.end(), other.undecided.begin(), other.undecided.end());
  }
  void add_orphan(std::int64_t rowid, std::size_t rows_named) {
    orphans++;
    rowids.push_back(rowid);
    if (rowids.size() < 2 * rows_named + 16) return;
    std::ranges::sort(rowids);
    rowids.resize(std::min(rowids.size(), rows_named));
  }
};

bool can_scan(const ForeignKeyTask& task, bool utf8) {
  const auto has_place = [&](std::size_t column) {
    return task.child->columns[column].stored_at || task.child->rowid_alias == column;
  };
  return !task.child->is_virtual && ParentSet::can_hash(task.parent, utf8) &&
         std::ranges::all_of(task.parent.child_columns, has_place);
}

// The columns of a child that its keys need, and where they stand in its records.
struct ChildColumns {
  static constexpr std::size_t kRowid = static_cast<std::size_t>(-1),
                               kNotNeeded = static_cast<std::size_t>(-1);
  struct Column {
    std::size_t column;     // in SchemaTable::columns
    std::size_t stored_at;  // kRowid: the rowid
    bool known_if_absent;   // a record too short for it means NULL, no default that only SQLite can make
  };
  std::vector<Column> columns = {};
  std::vector<std::size_t> place_of = {};  // by position in the record: in `columns`, or kNotNeeded

  // Where in `columns` it stands; each once.
  std::size_t place(const SchemaTable& child, std::size_t column) {
    for (std::size_t i = 0; i < columns.size(); i++) {
      if (columns[i].column == column) return i;
    }
    const bool rowid = child.rowid_alias == column;
    const std::size_t at = rowid ? kRowid : *child.columns[column].stored_at;
    columns.push_back({column, at, rowid || !child.columns[column].default_sql});
    if (!rowid) {
      place_of.resize(std::max(place_of.size(), at + 1), kNotNeeded);
      place_of[at] = columns.size() - 1;
    }
    return columns.size() - 1;
  }
};

// What all workers of one pass over a child share.
struct ChildPass {
  const std::vector<Held>& held;
  const ChildColumns& columns;
  std::size_t rows_named = 0;
  bool utf8 = true;
  bool first = true;  // rows without a number count in the first pass alone
};

// One worker's way past the sets.
class ChildVisitor final : public RowVisitor {
 public:
  explicit ChildVisitor(const ChildPass& pass)
      : pass_(pass),
        found_(pass.held.size()),
        asked_(pass.held.size()),
        values_(pass.columns.columns.size()),
        known_(pass.columns.columns.size()) {}

  void row(const TreeEntry& entry) override {
    read_values(entry);
    for (std::size_t i = 0; i < pass_.held.size(); i++) take_key(i, entry.rowid);
    if (++rows_ % kRowsTogether == 0) settle();
  }

  // After the last row.
  const std::vector<Found>& found() {
    settle();
    return found_;
  }

 private:
  // Numbers are asked for together, when the memory that prefetch() asked for has come.
  static constexpr std::uint64_t kRowsTogether = 64;

  void read_values(const TreeEntry& entry) {
    for (std::size_t i = 0; i < values_.size(); i++) {
      const ChildColumns::Column& column = pass_.columns.columns[i];
      values_[i] = column.stored_at == ChildColumns::kRowid ? Value(entry.rowid) : Value();
      known_[i] = column.known_if_absent ? 1 : 0;
    }
    auto cursor = RecordCursor::open(entry.payload, entry.payload_bytes);
    for (const std::size_t place : pass_.columns.place_of) {
      auto value = cursor ? cursor->next() : std::unexpected(cursor.error());
      if (!value) {
        if (value.error().kind != Malformed::Kind::kTruncated) {
          throw Error(ErrorCode::kDamaged,
                      fmt::format("page {}, cell {}: {}", entry.page.value, entry.cell, value.error().what));
        }
        known_.assign(known_.size(), 0);  // beyond the beginning that the scan gives of very long rows
        return;
      }
      if (!*value) return;
      if (place == ChildColumns::kNotNeeded) continue;
      values_[place] = **value;
      known_[place] = 1;
    }
  }

  KeyNumber number_of(const Held& held) {
    KeyNumber all;
    for (std::size_t i = 0; i < held.values.size(); i++) {
      const std::size_t place = held.values[i];
      KeyNumber part{KeyState::kUndecided};
      if (known_[place] != 0) {
        part = held.set->by_rowid()
                   ? rowid_key(values_[place], pass_.utf8)
                   : hashed_key(values_[place], held.rules[i], KeySide::kChild, ParentSet::seed(), scratch_);
      }
      if (part.state == KeyState::kNull) return part;
      if (part.state != KeyState::kMade) all.state = part.state;
      all.number = i == 0 ? part.number : combined_key(all.number, part.number);
    }
    return all;
  }

  void take_key(std::size_t i, std::int64_t rowid) {
    const KeyNumber key = number_of(pass_.held[i]);
    if (key.state == KeyState::kMade) {
      pass_.held[i].set->prefetch(key.number);
      asked_[i].emplace_back(key.number, rowid);
    } else if (pass_.first && key.state == KeyState::kNoMatch) {
      found_[i].add_orphan(rowid, pass_.rows_named);
    } else if (pass_.first && key.state == KeyState::kUndecided) {
      found_[i].too_many |= found_[i].undecided.size() >= kMostUndecided;
      if (!found_[i].too_many) found_[i].undecided.push_back(rowid);
    }
  }

  void settle() {
    for (std::size_t i = 0; i < pass_.held.size(); i++) {
      for (const auto& [number, rowid] : asked_[i]) {
        if (pass_.held[i].set->is_missing(number)) found_[i].add_orphan(rowid, pass_.rows_named);
      }
      asked_[i].clear();
    }
  }

  const ChildPass& pass_;
  std::vector<Found> found_;                                                // by key
  std::vector<std::vector<std::pair<std::uint64_t, std::int64_t>>> asked_;  // by key: numbers and rowids
  std::vector<Value> values_;
  std::vector<char> known_;  // 0: only SQLite knows the value
  std::vector<std::byte> scratch_;
  std::uint64_t rows_ = 0;
};

// Reads `child` once, past the sets of `held`; gives what was found of each.
std::vector<Found> scan_child(PageSource& source, const SchemaTable& child, std::vector<Held>& held,
                              ChildPass pass, ChildColumns& columns, const RowScanOptions& scanning) {
  for (Held& one : held) {
    one.rules = one.set->rules();
    one.values.clear();
    for (std::size_t i = 0; i < one.task.parent.child_columns.size(); i++) {
      const std::size_t column = one.task.parent.child_columns[i];
      if (!one.rules.empty()) one.rules[i].child_real = child.columns[column].affinity == Affinity::kReal;
      one.values.push_back(columns.place(child, column));
    }
  }
  std::vector<Found> found(held.size());
  const RowScanFigures figures = scan_rows(
      source, child.root_page, scanning, [&pass] { return std::make_unique<ChildVisitor>(pass); },
      [&found](RowVisitor& visitor) {
        const std::vector<Found>& own = static_cast<ChildVisitor&>(visitor).found();
        for (std::size_t i = 0; i < own.size(); i++) found[i].add(own[i]);
      });
  if (figures.faults > 0) {
    throw Error(ErrorCode::kDamaged, "table " + child.name + " is damaged: " + figures.first_fault);
  }
  return found;
}

// All children, with the sets of parents kept as long as there is memory for them.
class Scan {
 public:
  Scan(PageSource& source, const SchemaMap& map, const ForeignKeyOptions& options)
      : source_(source),
        options_(options),
        utf8_(map.encoding == "UTF-8"),
        threads_(options.threads != 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency())),
        memory_bytes_(std::max(options.memory_bytes, kLeastMemory)) {}

  // `pending` are keys of one child.
  void child(std::vector<ForeignKeyTask> pending, std::vector<ForeignKeyTask>& left) {
    while (!pending.empty()) {
      std::vector<Held> group;
      bool several_passes = false;
      while (!pending.empty() && !several_passes) {
        if (!group.empty() && held_bytes() > memory_bytes_ / 2) break;
        if (group.empty() && held_bytes() > memory_bytes_ / 2) sets_.clear();
        ParentSet& set = set_for(pending.back().parent);
        several_passes = set.passes() > 1;
        if (several_passes && !group.empty()) break;  // alone, the next time round
        group.push_back({.task = pending.back(), .set = &set});
        pending.pop_back();
      }
      if (several_passes && group.size() == 1) {
        run_passes(group, left);
      } else {
        run_group(group, left);
      }
    }
  }

 private:
  std::uint64_t held_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& [root, set] : sets_) bytes += set->bytes();
    return bytes;
  }

  // A table's rowids and its indexes have root pages of their own.
  ParentSet& set_for(const ParentKey& parent) {
    const std::uint32_t root = parent.kind == ParentKey::Kind::kRowid ? parent.table->root_page.value
                                                                      : parent.index->root_page.value;
    const auto known = sets_.find(root);
    if (known != sets_.end()) return *known->second;
    auto made = std::make_unique<ParentSet>(parent, utf8_, threads_, memory_bytes_ / 2, options_.give_up);
    made->build(source_, 0);  // throws where the parent is damaged: then there is no set
    return *sets_.emplace(root, std::move(made)).first->second;
  }

  std::vector<Found> scan(std::vector<Held>& group, unsigned pass) {
    ChildColumns columns;
    const ChildPass shared{.held = group,
                           .columns = columns,
                           .rows_named = options_.rows_named,
                           .utf8 = utf8_,
                           .first = pass == 0};
    const SchemaTable& child = *group[0].task.child;
    const RowScanOptions scanning{
        .table = !child.without_rowid, .threads = threads_, .give_up = options_.give_up};
    return scan_child(source_, child, group, shared, columns, scanning);
  }

  void run_group(std::vector<Held>& group, std::vector<ForeignKeyTask>& left) {
    std::vector<Found> found = scan(group, 0);
    for (std::size_t i = 0; i < group.size(); i++) finish(group[i].task, std::move(found[i]), left);
  }

  void run_passes(std::vector<Held>& group, std::vector<ForeignKeyTask>& left) {
    ParentSet& set = set_for(group[0].task.parent);
    Found all;
    for (unsigned pass = 0; pass < set.passes(); pass++) {
      if (pass > 0) set.build(source_, pass);
      all.add(scan(group, pass)[0]);
    }
    sets_.clear();  // it holds its last part
    finish(group[0].task, std::move(all), left);
  }

  void finish(const ForeignKeyTask& task, Found found, std::vector<ForeignKeyTask>& left) {
    const bool nameless = task.child->without_rowid || task.child->rowid_name().empty();
    if (found.too_many || (nameless && (found.orphans > 0 || !found.undecided.empty()))) {
      left.push_back(task);
      return;
    }
    if (!found.undecided.empty()) {
      const auto confirmed = orphans_among(*source_.connection(), task, found.undecided);
      found.orphans += confirmed.size();
      found.rowids.insert(found.rowids.end(), confirmed.begin(), confirmed.end());
    }
    std::ranges::sort(found.rowids);
    task.result->orphans = found.orphans;
    for (const std::int64_t rowid : found.rowids) {
      if (task.result->rows.size() < options_.rows_named) task.result->rows.push_back(std::to_string(rowid));
    }
  }

  PageSource& source_;
  const ForeignKeyOptions& options_;
  const bool utf8_;
  const unsigned threads_;
  const std::uint64_t memory_bytes_;
  std::map<std::uint32_t, std::unique_ptr<ParentSet>> sets_;  // by root page
};

// A damaged b-tree ends the check of this child's keys, not that of the others.
void scan_or_say_why(Scan& scan, const std::vector<ForeignKeyTask>& tasks,
                     std::vector<ForeignKeyTask>& left) {
  const std::size_t before = left.size();
  try {
    scan.child(tasks, left);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    left.resize(before);
    for (const ForeignKeyTask& task : tasks) {
      task.result->state = ForeignKeyResult::State::kDamaged;
      task.result->reason = error.what();
    }
  }
}

}  // namespace

std::vector<ForeignKeyTask> scan_foreign_keys(PageSource& source, const SchemaMap& map,
                                              const std::vector<ForeignKeyTask>& tasks,
                                              const ForeignKeyOptions& options) {
  std::vector<ForeignKeyTask> left;
  Scan scan(source, map, options);
  std::vector<ForeignKeyTask> child;
  for (std::size_t i = 0; i < tasks.size(); i++) {
    if (can_scan(tasks[i], map.encoding == "UTF-8")) {
      child.push_back(tasks[i]);
    } else {
      left.push_back(tasks[i]);
    }
    if (i + 1 < tasks.size() && tasks[i + 1].child == tasks[i].child) continue;
    if (!child.empty()) scan_or_say_why(scan, std::exchange(child, {}), left);
  }
  return left;
}

}  // namespace litewright
