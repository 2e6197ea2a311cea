#include "check/integrity.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <thread>

#include "base/error.h"
#include "check/check_plan.h"
#include "check/freelist.h"
#include "check/idle_thread_linux.h"
#include "check/integrity_findings.h"
#include "check/missing_keys.h"
#include "check/pointer_map.h"
#include "check/row_judge.h"
#include "check/sqlite_asks.h"
#include "format/database_header.h"

namespace litewright {
namespace {

constexpr std::size_t kMostRowsNamed = 20;  // of one index, missing and extra each

class IntegrityCheck {
 public:
  IntegrityCheck(PageSource& source, const SchemaMap& schema, const IntegrityOptions& options)
      : source_(source), schema_(schema), options_(options), claims_(source.page_count()) {
    make_check_plan(schema, plan_);
    rows_.resize(plan_.indexes.size());
    entries_.resize(plan_.indexes.size());
    unanswered_.resize(plan_.indexes.size());
    findings_ = std::make_unique<IntegrityFindings>(plan_, options_);
  }

  IntegrityReport run();

 private:
  void read_header();
  void walk();
  void look_at_pages();
  void ask_about_rows();
  void ask_about_undecided();
  void compare();
  void name_rows(std::size_t index);
  void name_unchecked();

  PageSource& source_;
  const SchemaMap& schema_;
  const IntegrityOptions& options_;
  CheckPlan plan_;
  PageClaims claims_;
  std::unique_ptr<IntegrityFindings> findings_;
  std::unique_ptr<SqliteAsks> asks_;
  DatabaseHeader header_;
  std::vector<KeySum> rows_, entries_;  // by index
  std::vector<bool> unanswered_;        // by index: SQLite could not say what its rows ask for
  IntegrityReport report_;
};

void IntegrityCheck::read_header() {
  std::vector<std::byte> first(source_.page_size());
  source_.read(PageNumber(1), first);
  const auto header = parse_database_header(first);
  if (!header) throw Error(ErrorCode::kDamaged, options_.database + ": " + header.error().what);
  header_ = *header;
  if (header_.auto_vacuum() == AutoVacuum::kNone) {
    if (header_.incremental_vacuum) findings_->header("incremental vacuum is on without a largest root page");
    return;
  }
  PageNumber largest(0);
  for (const Tree& tree : plan_.trees) largest = std::max(largest, tree.root);
  if (largest != header_.largest_root_page) {
    findings_->header(fmt::format("says that the largest root page is {}, it is {}",
                                  header_.largest_root_page.value, largest.value));
  }
}

void IntegrityCheck::walk() {
  const bool auto_vacuum = header_.auto_vacuum() != AutoVacuum::kNone;
  const PageNumber lock = lock_page(source_.page_size());
  if (lock.value <= source_.page_count()) claims_.claim(lock);
  PointerMap map(source_);
  check_freelist(source_, header_.first_freelist_trunk, header_.freelist_pages, claims_,
                 auto_vacuum ? &map : nullptr,
                 [&](PageNumber trunk, const std::string& what) { findings_->freelist(trunk, what); });
  const std::function<void(RowFault)> row_fault = [&](const RowFault& fault) { findings_->row(fault); };
  walk_trees(
      source_, plan_.trees, claims_,
      {.threads = options_.threads,
       .background = options_.background,
       .pointer_map = auto_vacuum,
       .meanwhile =
           [&](std::uint64_t pages) {
             if (options_.progress) options_.progress(pages, source_.page_count());
           },
       .give_up = options_.give_up},
      [&] { return std::make_unique<RowJudge>(plan_, options_.agreement, row_fault); },
      [&](const TreeFault& fault) { findings_->tree(fault); },
      [&](TreeSink& sink) {
        const auto& judge = static_cast<const RowJudge&>(sink);
        for (std::size_t i = 0; i < plan_.indexes.size(); i++) {
          if (!plan_.indexes[i].rows_by_sqlite) rows_[i] += judge.rows()[i];
          entries_[i] += judge.entries()[i];
        }
        report_.rows += judge.rows_seen();
        report_.entries += judge.entries_seen();
      });
}

// Each page has an owner, but for those of the pointer map, which have none.
void IntegrityCheck::look_at_pages() {
  const bool auto_vacuum = header_.auto_vacuum() != AutoVacuum::kNone;
  std::vector<PageNumber> unused;
  for (PageNumber page(1); page.value <= source_.page_count(); ++page) {
    const bool of_map =
        auto_vacuum && pointer_map_page(page, source_.page_size(), source_.usable_bytes()) == page;
    if (of_map && claims_.claimed(page)) findings_->map_page_used(page);
    if (!of_map && !claims_.claimed(page)) unused.push_back(page);
  }
  findings_->unused(std::move(unused));
}

void IntegrityCheck::ask_about_rows() {
  if (options_.background) make_this_thread_idle();
  for (std::size_t i = 0; i < plan_.indexes.size() && options_.agreement; i++) {
    const IndexPlan& index = plan_.indexes[i];
    if (!index.rows_by_sqlite) continue;
    const auto refused = asks_ == nullptr
                             ? std::optional<std::string>("there is no connection to ask")
                             : asks_->keys(index, plan_.encoding, false,
                                           [&](const SqliteAsks::Key& key) { rows_[i].add(key.hash); });
    if (!refused) continue;
    unanswered_[i] = true;
    findings_->not_checked("index " + index.index->name, *refused);
  }
  for (const TablePlan& table : plan_.tables) {
    if (table.checks.empty() || asks_ == nullptr) continue;
    const auto refused =
        asks_->checks(table, kMostRowsNamed, [&](const std::string& row, const std::string& check) {
          findings_->check_broken(*table.table, row, check);
        });
    if (refused) findings_->not_checked("CHECK of table " + table.table->name, *refused);
  }
  for (const TablePlan& table : plan_.tables) {
    if (!table.rows_by_sqlite || asks_ == nullptr) continue;
    const SqliteAsks::Answer answer = asks_->check_table(table.table->name, false);
    for (const std::string& complaint : answer.complaints) {
      findings_->sqlite_says("table " + table.table->name, complaint);
    }
    if (answer.refused) findings_->not_checked("constraints of table " + table.table->name, *answer.refused);
  }
}

void IntegrityCheck::ask_about_undecided() {
  for (const SchemaTable* const table : findings_->undecided()) {
    const std::string object = "table " + table->name;
    if (asks_ == nullptr) {
      findings_->not_checked(object, "a key is longer than can be held");
      continue;
    }
    const SqliteAsks::Answer answer = asks_->check_table(table->name, true);
    for (const std::string& complaint : answer.complaints) findings_->sqlite_says(object, complaint);
    if (answer.refused) findings_->not_checked(object, *answer.refused);
  }
}

void IntegrityCheck::compare() {
  if (!options_.agreement) return;
  const std::vector<const SchemaTable*> undecided = findings_->undecided();
  for (std::size_t i = 0; i < plan_.indexes.size(); i++) {
    const IndexPlan& index = plan_.indexes[i];
    const bool own_tree =
        index.table->without_rowid && index.index->origin == SchemaIndex::Origin::kPrimaryKey;
    if (own_tree || unanswered_[i] || rows_[i] == entries_[i]) continue;
    if (std::ranges::find(undecided, index.table) != undecided.end()) continue;
    findings_->sums_differ(index, rows_[i], entries_[i]);
    if (findings_->left_out() == 0) name_rows(i);
  }
}

void IntegrityCheck::name_rows(std::size_t number) {
  const IndexPlan& index = plan_.indexes[number];
  const MissingKeys keys =
      find_missing_keys(source_, plan_, number, asks_.get(), kMostRowsNamed, options_.give_up);
  for (const std::string& row : keys.missing) findings_->missing(index, row);
  for (const std::string& row : keys.extra) findings_->extra(index, row);
}

// What no program but the application's own could check.
void IntegrityCheck::name_unchecked() {
  for (const IndexPlan& index : plan_.indexes) {
    if (index.unknown_collation.empty()) continue;
    findings_->not_checked("order of index " + index.index->name,
                           "collation " + index.unknown_collation + " is the application's own");
  }
}

IntegrityReport IntegrityCheck::run() {
  report_.pages = source_.page_count();
  report_.trees = plan_.trees.size();
  if (source_.page_count() == 0) return report_;
  if (Connection* const connection = source_.connection()) {
    asks_ = std::make_unique<SqliteAsks>(*connection, options_.give_up);
    connection->execute("PRAGMA cell_size_check=ON");  // FACTS 25
  }
  read_header();
  if (!schema_.unparsed.empty()) findings_->schema(schema_.unparsed);
  const bool beside = asks_ == nullptr || source_.reads_beside_queries();
  std::exception_ptr failed;
  const auto ask = [&] {
    try {
      ask_about_rows();
    } catch (...) {
      failed = std::current_exception();
    }
  };
  {
    std::jthread questions;
    if (beside && !options_.background) questions = std::jthread(ask);
    walk();
  }
  if (!beside || options_.background) std::jthread(ask).join();
  if (failed) std::rethrow_exception(failed);
  if (schema_.unparsed.empty()) look_at_pages();
  compare();
  ask_about_undecided();
  name_unchecked();
  report_.held = source_.hold();
  report_.asked_sqlite = asks_ == nullptr ? 0 : asks_->asked();
  report_.findings_left_out = findings_->left_out();
  report_.findings = findings_->take();
  return report_;
}

}  // namespace

bool IntegrityReport::sound() const {
  return findings_left_out == 0 && worst_severity(findings) < Severity::kCritical;
}

IntegrityReport check_integrity(PageSource& source, const SchemaMap& schema,
                                const IntegrityOptions& options) {
  return IntegrityCheck(source, schema, options).run();
}

}  // namespace litewright
