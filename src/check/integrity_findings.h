// What the check of a database saw, as findings: gathered from several threads, no more kept than asked for.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/finding.h"
#include "base/types.h"
#include "check/check_plan.h"
#include "check/integrity.h"
#include "check/row_judge.h"
#include "check/tree_walk.h"

namespace litewright {

// Thread-safe. Borrows what it is made of.
class IntegrityFindings {
 public:
  IntegrityFindings(const CheckPlan& plan, const IntegrityOptions& options)
      : plan_(plan), options_(options) {}

  void tree(const TreeFault& fault);
  void row(const RowFault& fault);
  void freelist(PageNumber trunk, const std::string& what);
  void header(const std::string& what);
  void unused(std::vector<PageNumber> pages);
  void map_page_used(PageNumber page);
  void missing(const IndexPlan& index, const std::string& row);
  void extra(const IndexPlan& index, const std::string& row);
  void sums_differ(const IndexPlan& index, const KeySum& rows, const KeySum& entries);
  void check_broken(const SchemaTable& table, const std::string& row, const std::string& check);
  void sqlite_says(const std::string& object, const std::string& complaint);
  void schema(const std::string& what);
  void not_checked(const std::string& object, const std::string& what);

  // What was too long for us, by table: SQLite is to look.
  std::vector<const SchemaTable*> undecided() const { return undecided_; }
  // Critical findings so far, left-out ones too; those about one b-tree.
  std::uint64_t faults() const;
  std::vector<Finding> take();
  std::uint64_t left_out() const { return left_out_; }

 private:
  void add(Finding finding);
  Finding about(std::string id, std::string object, std::string meaning, bool index) const;

  const CheckPlan& plan_;
  const IntegrityOptions& options_;
  mutable std::mutex mutex_;
  std::vector<Finding> findings_;
  std::uint64_t left_out_ = 0, faults_ = 0;
  std::vector<const SchemaTable*> undecided_;
};

}  // namespace litewright
