#include "check/parent_set.h"

#include <fmt/format.h>

#include <memory>
#include <random>

#include "base/error.h"
#include "check/row_scan.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

// A key while the set is made: in a thread's list, which may have grown to twice its use, and in the table,
// which is at least a third full.
constexpr std::uint64_t kBytesAKey = 40;

std::size_t most_keys(std::uint64_t memory_bytes) {
  return static_cast<std::size_t>(std::max<std::uint64_t>(memory_bytes / kBytesAKey, 1000));
}

// The hash of an entry's first columns; nothing where one is NULL: no child points at it.
std::optional<std::uint64_t> entry_hash(const TreeEntry& entry, const std::vector<KeyRule>& rules,
                                        std::vector<std::byte>& scratch) {
  auto cursor = RecordCursor::open(entry.payload, entry.payload_bytes);
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < rules.size(); i++) {
    const auto value = cursor ? cursor->next() : std::unexpected(cursor.error());
    if (!value) {
      throw Error(ErrorCode::kDamaged,
                  fmt::format("page {}, cell {}: {}", entry.page.value, entry.cell, value.error().what));
    }
    if (!*value) return std::nullopt;
    const KeyNumber part = hashed_key(**value, rules[i], KeySide::kStored, ParentSet::seed(), scratch);
    if (part.state != KeyState::kMade) return std::nullopt;
    hash = i == 0 ? part.number : combined_key(hash, part.number);
  }
  return hash;
}

}  // namespace

std::uint64_t ParentSet::seed() {
  static const std::uint64_t kChosen = std::random_device()() + (std::uint64_t{std::random_device()()} << 32);
  return kChosen;
}

bool ParentSet::can_hash(const ParentKey& parent, bool utf8) {
  if (parent.kind == ParentKey::Kind::kRowid) return true;
  if (parent.kind != ParentKey::Kind::kIndex) return false;
  for (std::size_t i = 0; i < parent.index->key_columns; i++) {
    KeyRule::Fold fold{};
    if (!fold_of(parent.index->columns[i].collation, fold)) return false;
    if (!utf8 && fold != KeyRule::Fold::kNone) return false;
  }
  return true;
}

ParentSet::ParentSet(const ParentKey& parent, bool utf8, unsigned threads, std::uint64_t memory_bytes,
                     std::function<bool()> give_up)
    : parent_(parent),
      threads_(threads),
      memory_bytes_(memory_bytes),
      give_up_(std::move(give_up)),
      collector_(threads, most_keys(memory_bytes)) {
  if (parent.kind == ParentKey::Kind::kRowid) return;
  for (std::size_t i = 0; i < parent.index->key_columns; i++) {
    const IndexColumn& column = parent.index->columns[i];
    KeyRule rule{.affinity = parent.table->columns[column.column].affinity, .utf8 = utf8};
    fold_of(column.collation, rule.fold);
    rules_.push_back(rule);
  }
}

class ParentSet::RowidVisitor final : public RowVisitor {
 public:
  RowidVisitor(ParentSet& set, unsigned thread) : set_(set), thread_(thread) {}
  void row(const TreeEntry& entry) override {
    if (!set_.bits_) {
      set_.collector_.add(thread_, mixed_rowid(static_cast<std::uint64_t>(entry.rowid)));
    } else if (!set_.bits_->add(entry.rowid)) {
      throw Error(ErrorCode::kDamaged, fmt::format("row {} stands out of order", entry.rowid));
    }
  }

 private:
  ParentSet& set_;
  const unsigned thread_;
};

class ParentSet::EntryVisitor final : public RowVisitor {
 public:
  EntryVisitor(ParentSet& set, unsigned thread) : set_(set), thread_(thread) {}
  void row(const TreeEntry& entry) override {
    if (const auto hash = entry_hash(entry, set_.rules_, scratch_)) set_.collector_.add(thread_, *hash);
  }

 private:
  ParentSet& set_;
  const unsigned thread_;
  std::vector<std::byte> scratch_;
};

void ParentSet::build(PageSource& source, unsigned pass) {
  bits_.reset();
  hashes_ = HashSet();
  if (by_rowid() && pass == 0) settle_range(source);
  collector_.begin_pass(pass);
  read_keys(source);
  if (bits_) return;
  hashes_ = collector_.take();
  bytes_ = hashes_.bytes();
}

// Bits where the rowids lie close enough together: a hostile file's two rows must not take all the memory.
void ParentSet::settle_range(PageSource& source) {
  Connection& connection = *source.connection();
  const std::string table = quoted_name(parent_.table->name);
  const std::string rowid = quoted_name(parent_.table->rowid_name());
  const auto end = [&](const char* which) {
    return connection.query_integer(fmt::format("SELECT {}({}) FROM main.{}", which, rowid, table));
  };
  const std::int64_t low = end("min").value_or(0), high = end("max").value_or(-1);
  const std::uint64_t bytes = RowidBits::bytes_for(low, high);
  const std::uint64_t database_bytes = std::uint64_t{source.page_count()} * source.page_size();
  if (bytes > std::min(memory_bytes_ / 2, database_bytes)) return;
  bits_.emplace(low, high);
  bytes_ = bytes;
}

void ParentSet::read_keys(PageSource& source) {
  const bool in_table = by_rowid();
  unsigned visitors = 0;
  const auto make = [&]() -> std::unique_ptr<RowVisitor> {
    const unsigned thread = visitors++ % threads_;
    if (in_table) return std::make_unique<RowidVisitor>(*this, thread);
    return std::make_unique<EntryVisitor>(*this, thread);
  };
  const PageNumber root = in_table ? parent_.table->root_page : parent_.index->root_page;
  const std::string what = in_table ? "table " + parent_.table->name : "index " + parent_.index->name;
  const RowScanFigures figures = scan_rows(
      source, root, {.table = in_table, .threads = threads_, .give_up = give_up_}, make, [](RowVisitor&) {});
  if (figures.faults > 0) throw Error(ErrorCode::kDamaged, what + " is damaged: " + figures.first_fault);
}

}  // namespace litewright
