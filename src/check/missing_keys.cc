#include "check/missing_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/bytes.h"
#include "check/row_scan.h"

namespace litewright {
namespace {

// Of the hashes' range, by their upper bits. Of those that differ only so many are looked into: what is kept
// stays small however large the index.
constexpr std::size_t kParts = 1 << 16;
constexpr std::size_t kMostParts = 64;
constexpr std::size_t kMostHashes = 1 << 20;

std::size_t part_of(std::uint64_t hash) { return hash >> 48; }

std::string value_text(const StoredValue& value) {
  if (value.is_null()) return "NULL";
  if (value.is_integer()) return fmt::format("{}", value.integer());
  if (value.is_real()) return fmt::format("{}", value.real());
  constexpr std::size_t kShown = 60;
  return std::string(text_of(value.bytes.first(std::min(value.bytes.size(), kShown))));
}

// The row that an entry speaks of: the rowid, or the columns of the table's own key.
std::string entry_text(const IndexPlan& index, const RecordFields& entry) {
  std::string text;
  for (std::size_t i = 0; i < index.fields.size() && i < entry.count(); i++) {
    const IndexColumn& column = index.index->columns[i];
    if (!entry.has(i)) continue;
    if (column.source == IndexColumn::Source::kRowid) return "rowid " + value_text(entry.value(i));
    if (column.source != IndexColumn::Source::kColumn) continue;
    if (index.table->columns[column.column].key_position == 0) continue;
    if (!text.empty()) text += ", ";
    text += value_text(entry.value(i));
  }
  return "row " + text;
}

std::string row_text(const IndexPlan& index, const RecordFields& row, std::int64_t rowid) {
  if (!index.table->without_rowid) return fmt::format("rowid {}", rowid);
  std::string text;
  for (const SchemaColumn& column : index.table->columns) {
    if (column.key_position == 0 || !column.stored_at || *column.stored_at >= row.count()) continue;
    if (!text.empty()) text += ", ";
    text += row.has(*column.stored_at) ? value_text(row.value(*column.stored_at)) : "…";
  }
  return "row " + text;
}

using Name = std::function<std::string()>;
using Take = std::function<void(std::uint64_t hash, const Name& name)>;

class KeyVisitor final : public RowVisitor {
 public:
  KeyVisitor(const CheckPlan& plan, const IndexPlan& index, bool rows, const Take& take)
      : index_(index), rows_(rows), take_(take), hasher_(plan.encoding) {
    fields_wanted_ = index.fields.size();
    if (!rows) return;
    for (const SchemaColumn& column : index.table->columns) {
      if (column.stored_at) fields_wanted_ = std::max(fields_wanted_, *column.stored_at + 1);
    }
  }
  void row(const TreeEntry& entry) override {
    if (fields_.parse(entry.payload, entry.payload_bytes, fields_wanted_,
                      rows_ ? RecordFields::Fit::kExact : RecordFields::Fit::kWithin) !=
        RecordFields::Parsed::kWell)
      return;
    if (!rows_ && fields_.count() < index_.fields.size()) return;
    const auto key = rows_ ? hasher_.of_row(index_, fields_, entry.rowid) : hasher_.of_entry(index_, fields_);
    if (key.state != KeyHasher::State::kMade) return;
    take_(key.hash,
          [&] { return rows_ ? row_text(index_, fields_, entry.rowid) : entry_text(index_, fields_); });
  }

 private:
  const IndexPlan& index_;
  bool rows_;
  const Take& take_;
  KeyHasher hasher_;
  RecordFields fields_;
  std::size_t fields_wanted_ = 0;
};

// Both sides of one index, as often as asked. One thread: the sides are gone through one after the other, and
// what is gathered needs no lock.
class Sides {
 public:
  Sides(PageSource& source, const CheckPlan& plan, std::size_t index, SqliteAsks* asks,
        const std::function<bool()>& give_up)
      : source_(source), plan_(plan), index_(plan.indexes[index]), asks_(asks), give_up_(give_up) {}

  void rows(bool named, const Take& take) {
    if (index_.rows_by_sqlite) {
      asks_->keys(index_, plan_.encoding, named,
                  [&](const SqliteAsks::Key& key) { take(key.hash, [&] { return key.row; }); });
    } else {
      scan(index_.table->root_page, !index_.table->without_rowid, true, take);
    }
  }
  void entries(const Take& take) { scan(index_.index->root_page, false, false, take); }

 private:
  void scan(PageNumber root, bool table, bool rows, const Take& take) {
    scan_rows(
        source_, root, {.table = table, .threads = 1, .give_up = give_up_},
        [&] { return std::make_unique<KeyVisitor>(plan_, index_, rows, take); }, [](RowVisitor&) {});
  }

  PageSource& source_;
  const CheckPlan& plan_;
  const IndexPlan& index_;
  SqliteAsks* asks_;
  const std::function<bool()>& give_up_;
};

}  // namespace

MissingKeys find_missing_keys(PageSource& source, const CheckPlan& plan, std::size_t index, SqliteAsks* asks,
                              std::size_t most, const std::function<bool()>& give_up) {
  MissingKeys found;
  Sides sides(source, plan, index, asks, give_up);
  std::vector<KeySum> parts(kParts);
  sides.rows(false, [&](std::uint64_t hash, const Name&) { parts[part_of(hash)].add(hash); });
  std::vector<KeySum> entry_parts(kParts);
  sides.entries([&](std::uint64_t hash, const Name&) { entry_parts[part_of(hash)].add(hash); });
  std::vector<bool> differ(kParts);
  std::size_t differing = 0;
  for (std::size_t i = 0; i < kParts; i++) {
    if (parts[i] == entry_parts[i]) continue;
    if (differing++ < kMostParts) differ[i] = true;
  }
  found.all = differing <= kMostParts;

  // How many more rows than entries a hash has.
  std::map<std::uint64_t, std::int64_t> balance;
  const auto count = [&](std::int64_t by) {
    return [&, by](std::uint64_t hash, const Name&) {
      if (!differ[part_of(hash)]) return;
      if (balance.size() >= kMostHashes && !balance.contains(hash)) {
        found.all = false;
        return;
      }
      balance[hash] += by;
    };
  };
  sides.rows(false, count(1));
  sides.entries(count(-1));
  const auto name = [&](std::int64_t sign, std::vector<std::string>& out) {
    return [&, sign](std::uint64_t hash, const Name& text) {
      const auto at = balance.find(hash);
      if (at == balance.end() || at->second * sign <= 0) return;
      at->second -= sign;
      if (out.size() < most) {
        out.push_back(text());
      } else {
        found.all = false;
      }
    };
  };
  sides.rows(true, name(1, found.missing));
  sides.entries(name(-1, found.extra));
  return found;
}

}  // namespace litewright
