#include "check/integrity_findings.h"

#include <fmt/format.h>

#include <algorithm>

namespace litewright {
namespace {

const char* id_of(TreeFault::Kind kind) {
  switch (kind) {
    case TreeFault::Kind::kPage:
      return "integrity.page";
    case TreeFault::Kind::kCell:
      return "integrity.cell";
    case TreeFault::Kind::kRowidOrder:
      return "integrity.rowid_order";
    case TreeFault::Kind::kOverflow:
      return "integrity.overflow";
    case TreeFault::Kind::kPointerMap:
      return "integrity.pointer_map";
  }
  return "";
}

const char* id_of(RowFault::Kind kind) {
  switch (kind) {
    case RowFault::Kind::kRecord:
      return "integrity.record";
    case RowFault::Kind::kNull:
      return "integrity.not_null";
    case RowFault::Kind::kType:
      return "integrity.type";
    case RowFault::Kind::kKeyOrder:
      return "integrity.key_order";
    case RowFault::Kind::kNotUnique:
      return "integrity.unique";
    case RowFault::Kind::kTooLong:
      return "integrity.too_long";
  }
  return "";
}

Figure page_figure(PageNumber page) { return {"page", static_cast<std::int64_t>(page.value)}; }

// "5-9, 12": at most a dozen stretches.
std::string ranges(const std::vector<PageNumber>& pages) {
  constexpr std::size_t kShown = 12;
  std::string text;
  std::size_t stretches = 0;
  for (std::size_t i = 0; i < pages.size();) {
    std::size_t end = i + 1;
    while (end < pages.size() && pages[end].value == pages[end - 1].value + 1) end++;
    if (stretches++ == kShown) return text + ", …";
    if (!text.empty()) text += ", ";
    text += end - i == 1 ? fmt::format("{}", pages[i].value)
                         : fmt::format("{}-{}", pages[i].value, pages[end - 1].value);
    i = end;
  }
  return text;
}

std::string index_object(const IndexPlan& index) { return "index " + index.index->name; }

}  // namespace

Finding IntegrityFindings::about(std::string id, std::string object, std::string meaning, bool index) const {
  return {.id = std::move(id),
          .severity = Severity::kCritical,
          .database = options_.database,
          .object = std::move(object),
          .meaning = std::move(meaning),
          .remedy = index ? options_.mend_index : options_.mend_page};
}

void IntegrityFindings::add(Finding finding) {
  const std::lock_guard lock(mutex_);
  if (finding.severity == Severity::kCritical) faults_++;
  if (findings_.size() < options_.most_findings) {
    findings_.push_back(std::move(finding));
  } else if (finding.severity == Severity::kCritical) {
    left_out_++;
  }
}

std::uint64_t IntegrityFindings::faults() const {
  const std::lock_guard lock(mutex_);
  return faults_;
}

std::vector<Finding> IntegrityFindings::take() {
  const std::lock_guard lock(mutex_);
  std::ranges::stable_sort(findings_,
                           [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  return std::move(findings_);
}

void IntegrityFindings::tree(const TreeFault& fault) {
  const bool index = !plan_.roles[fault.tree].rows;
  const std::string where = fault.cell >= 0 ? fmt::format("page {}, cell {}", fault.page.value, fault.cell)
                                            : fmt::format("page {}", fault.page.value);
  Finding finding =
      about(id_of(fault.kind), tree_name(plan_, fault.tree),
            fmt::format("{} of the {}: {}", where, tree_name(plan_, fault.tree), fault.what), index);
  finding.figures.push_back(page_figure(fault.page));
  if (fault.cell >= 0) finding.figures.push_back({"cell", std::int64_t{fault.cell}});
  add(std::move(finding));
}

void IntegrityFindings::row(const RowFault& fault) {
  const CheckPlan::Role& role = plan_.roles[fault.tree];
  if (fault.kind == RowFault::Kind::kTooLong) {
    const SchemaTable* const table =
        role.rows ? plan_.tables[role.plan].table : plan_.indexes[role.plan].table;
    const std::lock_guard lock(mutex_);
    if (std::ranges::find(undecided_, table) == undecided_.end()) undecided_.push_back(table);
    return;
  }
  const std::string object = tree_name(plan_, fault.tree);
  const std::string where = fault.rowid ? fmt::format("rowid {}", *fault.rowid)
                                        : fmt::format("page {}, cell {}", fault.page.value, fault.cell);
  Finding finding = about(id_of(fault.kind), object,
                          fmt::format("{} of the {}: {}", where, object, fault.what), !role.rows);
  if (fault.rowid) finding.figures.push_back({"rowid", *fault.rowid});
  if (fault.page.value != 0) {
    finding.figures.push_back(page_figure(fault.page));
    finding.figures.push_back({"cell", static_cast<std::int64_t>(fault.cell)});
  }
  add(std::move(finding));
}

void IntegrityFindings::freelist(PageNumber trunk, const std::string& what) {
  const std::string where =
      trunk.value == 0 ? std::string("the freelist ") : fmt::format("page {} of the freelist ", trunk.value);
  Finding finding = about("integrity.freelist", "freelist", where + what, false);
  if (trunk.value != 0) finding.figures.push_back(page_figure(trunk));
  add(std::move(finding));
}

void IntegrityFindings::header(const std::string& what) {
  add(about("integrity.header", "header", "the database's header: " + what, false));
}

void IntegrityFindings::unused(std::vector<PageNumber> pages) {
  if (pages.empty()) return;
  Finding finding = about("integrity.unused_page", "pages",
                          fmt::format("{} pages belong to nothing: {}", pages.size(), ranges(pages)), false);
  finding.remedy = options_.mend_unused;
  finding.figures.push_back({"pages", static_cast<std::int64_t>(pages.size())});
  finding.figures.push_back(page_figure(pages.front()));
  add(std::move(finding));
}

void IntegrityFindings::map_page_used(PageNumber page) {
  Finding finding =
      about("integrity.pointer_map", "pointer map",
            fmt::format("page {} of the pointer map is used for something else too", page.value), false);
  finding.figures.push_back(page_figure(page));
  add(std::move(finding));
}

void IntegrityFindings::missing(const IndexPlan& index, const std::string& row) {
  Finding finding =
      about("integrity.index_missing", index_object(index),
            fmt::format("{} of table {} is missing from index {}: queries by it don't find the row", row,
                        index.table->name, index.index->name),
            true);
  finding.figures = {{"table", index.table->name}, {"row", row}};
  add(std::move(finding));
}

void IntegrityFindings::extra(const IndexPlan& index, const std::string& row) {
  Finding finding =
      about("integrity.index_extra", index_object(index),
            fmt::format("index {} has an entry for {} of table {} that the row does not ask for",
                        index.index->name, row, index.table->name),
            true);
  finding.figures = {{"table", index.table->name}, {"row", row}};
  add(std::move(finding));
}

void IntegrityFindings::sums_differ(const IndexPlan& index, const KeySum& rows, const KeySum& entries) {
  Finding finding = about("integrity.index_differs", index_object(index),
                          fmt::format("index {} does not have the entries that table {} asks for",
                                      index.index->name, index.table->name),
                          true);
  finding.figures = {{"wanted_entries", static_cast<std::int64_t>(rows.count)},
                     {"entries", static_cast<std::int64_t>(entries.count)}};
  add(std::move(finding));
}

void IntegrityFindings::check_broken(const SchemaTable& table, const std::string& row,
                                     const std::string& check) {
  Finding finding = about("integrity.check", "table " + table.name,
                          fmt::format("{} of table {} breaks CHECK({})", row, table.name, check), false);
  finding.figures = {{"row", row}};
  finding.remedy.clear();  // the application's own data: only it knows what is right
  add(std::move(finding));
}

void IntegrityFindings::sqlite_says(const std::string& object, const std::string& complaint) {
  add(about("integrity.sqlite", object, fmt::format("SQLite says of {}: {}", object, complaint), false));
}

void IntegrityFindings::schema(const std::string& what) {
  add(about("integrity.schema", "schema", "the schema can't be read as a whole: " + what, false));
}

void IntegrityFindings::not_checked(const std::string& object, const std::string& what) {
  Finding finding =
      about("integrity.not_checked", object, fmt::format("{}: not checked: {}", object, what), false);
  finding.severity = Severity::kInfo;
  finding.remedy.clear();
  add(std::move(finding));
}

}  // namespace litewright
