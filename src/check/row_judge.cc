#include "check/row_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/bytes.h"

namespace litewright {

bool is_numeric_text(Bytes text, KeyEncoding encoding) {
  std::string narrow;
  if (encoding != KeyEncoding::kUtf8) {
    for (std::size_t at = 0; at + 2 <= text.size(); at += 2) {
      const std::uint16_t unit = encoding == KeyEncoding::kUtf16Big
                                     ? load_big_endian<std::uint16_t>(text, at)
                                     : load_little_endian<std::uint16_t>(text, at);
      narrow.push_back(unit < 0x80 ? static_cast<char>(unit) : '?');
    }
  }
  std::string_view rest = encoding == KeyEncoding::kUtf8 ? text_of(text) : std::string_view(narrow);
  const auto skip = [&](std::string_view set) {
    const std::size_t end = std::min(rest.find_first_not_of(set), rest.size());
    rest.remove_prefix(end);
    return end;
  };
  constexpr std::string_view kBlanks = " \t\n\v\f\r", kDigits = "0123456789";
  const auto sign = [&] {
    if (!rest.empty() && (rest[0] == '+' || rest[0] == '-')) rest.remove_prefix(1);
  };
  skip(kBlanks);
  sign();
  std::size_t digits = skip(kDigits);
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
    digits += skip(kDigits);
  }
  if (digits == 0) return false;
  if (!rest.empty() && (rest[0] == 'e' || rest[0] == 'E')) {
    rest.remove_prefix(1);
    sign();
    if (skip(kDigits) == 0) return false;
  }
  skip(kBlanks);
  return rest.empty();
}

KeyHasher::Made KeyHasher::of_row(const IndexPlan& index, const RecordFields& row, std::int64_t rowid) {
  if (index.where) {
    const std::optional<bool> wanted = index.where->holds(row);
    if (!wanted || !*wanted) return {.state = wanted ? State::kNotWanted : State::kBeyond};
  }
  key_.clear();
  for (const KeyField& field : index.fields) {
    if (field.from == KeyField::From::kRowid) {
      key_.add_integer(rowid);
    } else if (field.stored_at >= row.count()) {
      key_.add(field.absent(), field.collation, field.real);
    } else if (row.has(field.stored_at)) {
      key_.add(row.value(field.stored_at), field.collation, field.real);
    } else {
      return {.state = State::kBeyond};
    }
  }
  return {.hash = hash()};
}

KeyHasher::Made KeyHasher::of_entry(const IndexPlan& index, const RecordFields& entry) {
  key_.clear();
  for (std::size_t i = 0; i < index.fields.size(); i++) {
    if (!entry.has(i)) return {.state = State::kBeyond};
    key_.add(entry.value(i), index.fields[i].collation, false);
  }
  return {.hash = hash()};
}

// Whether the key may be there more than once.
bool KeyOrder::has_null(const IndexPlan& index) const {
  for (std::size_t i = 0; i < index.key_fields; i++) {
    if (!index.fields[i].never_null && before_.value(i).is_null()) return true;
  }
  return false;
}

KeyOrder::Verdict KeyOrder::next(const IndexPlan& index, std::size_t fields, RecordFields& now) {
  Verdict verdict = Verdict::kFirst;
  if (has_before_) {
    verdict = Verdict::kNotAscending;  // where all are equal
    for (std::size_t i = 0; i < fields; i++) {
      if (!before_.has(i) || !now.has(i)) {
        verdict = Verdict::kFirst;
        break;
      }
      auto order = compare_values(before_.value(i), now.value(i), index.fields[i].collation, encoding_);
      if (order == 0) continue;
      if (index.fields[i].descending) order = 0 <=> order;
      const bool same_key = index.unique && i >= index.key_fields;
      verdict = order > 0 ? Verdict::kNotAscending
                          : (same_key && !has_null(index) ? Verdict::kNotUnique : Verdict::kAscending);
      break;
    }
  }
  std::swap(before_, now);
  has_before_ = true;
  kept_ = false;
  return verdict;
}

void KeyOrder::keep() {
  if (!has_before_ || kept_) return;
  bytes_.assign(before_.payload().begin(), before_.payload().end());
  before_.moved_to(bytes_);
  kept_ = true;
}

RowJudge::RowJudge(const CheckPlan& plan, bool agreement, const std::function<void(RowFault)>& fault)
    : plan_(plan),
      agreement_(agreement),
      fault_(fault),
      hasher_(plan.encoding),
      order_(plan.encoding),
      rows_(plan.indexes.size()),
      entries_(plan.indexes.size()) {}

void RowJudge::report(RowFault::Kind kind, const TreeEntry& entry, std::string what) {
  RowFault fault{
      .kind = kind, .tree = tree_, .page = entry.page, .cell = entry.cell, .what = std::move(what)};
  if (plan_.trees[tree_].table) fault.rowid = entry.rowid;
  fault_(std::move(fault));
}

const IndexPlan* RowJudge::key_of(std::size_t tree, std::size_t& fields) const {
  const CheckPlan::Role& role = plan_.roles[tree];
  if (!role.rows) {
    fields = plan_.indexes[role.plan].fields.size();
    return &plan_.indexes[role.plan];
  }
  const TablePlan& table = plan_.tables[role.plan];
  if (!table.key) return nullptr;
  fields = plan_.indexes[*table.key].key_fields;
  return &plan_.indexes[*table.key];
}

bool RowJudge::parse(const TreeEntry& entry, std::size_t fields) {
  const auto fit = plan_.roles[tree_].rows ? RecordFields::Fit::kExact : RecordFields::Fit::kWithin;
  if (fields_.parse(entry.payload, entry.payload_bytes, fields, fit) == RecordFields::Parsed::kWell)
    return true;
  report(RowFault::Kind::kRecord, entry, "the record's header contradicts its length");
  return false;
}

void RowJudge::begin_run(std::size_t tree, const std::vector<std::byte>* after) {
  tree_ = tree;
  order_.forget();
  std::size_t fields = 0;
  const IndexPlan* const key = key_of(tree, fields);
  if (key == nullptr || after == nullptr) return;
  if (fields_.parse(*after, after->size(), key->fields.size(), RecordFields::Fit::kWithin) ==
          RecordFields::Parsed::kWell &&
      fields_.count() >= fields) {
    order_.next(*key, fields, fields_);
  }
}

void RowJudge::end_run(std::size_t tree, const std::vector<std::byte>* before) {
  std::size_t fields = 0;
  const IndexPlan* const key = key_of(tree, fields);
  if (key == nullptr || before == nullptr) return;
  if (fields_.parse(*before, before->size(), key->fields.size(), RecordFields::Fit::kWithin) ==
          RecordFields::Parsed::kWell &&
      fields_.count() >= fields) {
    judge_order(*key, fields, {.payload = *before});
  }
}

void RowJudge::gap(std::size_t /*tree*/) { order_.forget(); }

void RowJudge::entry(std::size_t tree, const TreeEntry& entry) {
  tree_ = tree;
  const CheckPlan::Role& role = plan_.roles[tree];
  if (role.rows) {
    judge_row(plan_.tables[role.plan], entry, true);
  } else {
    judge_index_entry(role.plan, entry, true);
  }
}

void RowJudge::entry_between_runs(std::size_t tree, const TreeEntry& entry) {
  tree_ = tree;
  const CheckPlan::Role& role = plan_.roles[tree];
  if (role.rows) {
    judge_row(plan_.tables[role.plan], entry, false);
  } else {
    judge_index_entry(role.plan, entry, false);
  }
}

void RowJudge::judge_order(const IndexPlan& index, std::size_t fields, const TreeEntry& entry) {
  if (!agreement_ || !index.unknown_collation.empty()) return order_.forget();
  switch (order_.next(index, fields, fields_)) {
    case KeyOrder::Verdict::kFirst:
    case KeyOrder::Verdict::kAscending:
      return;
    case KeyOrder::Verdict::kNotAscending:
      return report(RowFault::Kind::kKeyOrder, entry, "the key does not follow the one before");
    case KeyOrder::Verdict::kNotUnique:
      return report(RowFault::Kind::kNotUnique, entry, "the key is there twice in a unique index");
  }
}

void RowJudge::judge_row(const TablePlan& table, const TreeEntry& entry, bool ordered) {
  rows_seen_++;
  if (!parse(entry, table.stored_columns)) return order_.forget();
  judge_columns(table, entry);
  if (agreement_) {
    for (const std::size_t index : table.indexes) {
      if (plan_.indexes[index].rows_by_sqlite) continue;
      const KeyHasher::Made key = hasher_.of_row(plan_.indexes[index], fields_, entry.rowid);
      if (key.state == KeyHasher::State::kMade) rows_[index].add(key.hash);
      if (key.state == KeyHasher::State::kBeyond) {
        report(RowFault::Kind::kTooLong, entry, "the key lies behind more than can be held");
      }
    }
  }
  if (!table.key || !ordered) return;
  const IndexPlan& key = plan_.indexes[*table.key];
  if (fields_.count() < key.key_fields) return order_.forget();
  judge_order(key, key.key_fields, entry);
}

void RowJudge::judge_columns(const TablePlan& table, const TreeEntry& entry) {
  for (const ColumnRule& rule : table.rules) {
    const bool stored = rule.stored_at < fields_.count();
    const std::uint32_t type = stored ? fields_.type(rule.stored_at) : rule.type_when_absent;
    const std::uint8_t mask = value_mask(type);
    if ((mask & kMaskNull) != 0) {
      if (rule.not_null)
        report(RowFault::Kind::kNull, entry, fmt::format("{} is NULL, and must not be", rule.name));
    } else if ((mask & rule.allowed) == 0) {
      report(RowFault::Kind::kType, entry, fmt::format("{} is not {}", rule.name, rule.expected));
    } else if (rule.no_numeric_text && mask == kMaskText && stored) {
      if (!fields_.has(rule.stored_at)) {
        report(RowFault::Kind::kTooLong, entry, rule.name + " lies behind more than can be held");
      } else if (is_numeric_text(fields_.value(rule.stored_at).bytes, plan_.encoding)) {
        report(RowFault::Kind::kType, entry, fmt::format("{} is text that is a number", rule.name));
      }
    }
  }
}

void RowJudge::judge_index_entry(std::size_t number, const TreeEntry& entry, bool ordered) {
  const IndexPlan& index = plan_.indexes[number];
  entries_seen_++;
  if (!agreement_) return;
  if (!parse(entry, index.fields.size())) return order_.forget();
  if (fields_.count() < index.fields.size()) {
    report(RowFault::Kind::kRecord, entry,
           fmt::format("the entry has {} values, the index {}", fields_.count(), index.fields.size()));
    return order_.forget();
  }
  const KeyHasher::Made key = hasher_.of_entry(index, fields_);
  if (key.state == KeyHasher::State::kMade) {
    entries_[number].add(key.hash);
  } else {
    report(RowFault::Kind::kTooLong, entry, "the key is longer than can be held");
  }
  if (ordered) judge_order(index, index.fields.size(), entry);
}

}  // namespace litewright
