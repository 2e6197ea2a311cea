// Whether a database is sound: everything that PRAGMA integrity_check finds, and the same verdict (SQLite
// 3.40.1), from one parallel pass over its pages.
//
// Every page has one owner; every page, cell and record is well formed; keys are in order; rows obey NOT
// NULL, types and CHECK; each index has exactly the entries its rows ask for. The last is held by sums of
// hashes that do not depend on the order, one over the rows and one over the entries; only where they differ
// a second pass names the rows. What only SQLite can evaluate (an expression it does not know here, a virtual
// column) SQLite is asked, table by table, on the same snapshot; the report says so. docs/integrity.md lists
// what is not checkable.
//
// Memory: some bits a page, 256 KiB and one payload a worker; 64 MiB for naming rows.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/finding.h"
#include "check/page_source.h"
#include "check/schema_map.h"

namespace litewright {

struct IntegrityOptions {
  std::string database = {};  // for the findings
  bool agreement = true;      // false (--quick): indexes are not held against their tables
  bool background = false;    // one thread that runs only when nobody else wants to
  unsigned threads = 0;       // 0: one a core
  std::size_t most_findings = 100;
  // True ends the check, at the next leaf or query: Error{kLocked}. Any thread asks. Empty: never.
  std::function<bool()> give_up = {};
  std::string mend_index = {};   // the remedy of a finding on an index; empty where there is none
  std::string mend_unused = {};  // of pages that belong to nothing: nothing is lost with them
  std::string mend_page = {};    // the remedy of any other
  std::function<void(std::uint64_t done, std::uint64_t all)> progress = {};  // pages
};

struct IntegrityReport {
  std::vector<Finding> findings = {};   // critical: not sound; info: not checked, and why
  std::uint64_t findings_left_out = 0;  // beyond most_findings
  std::uint64_t pages = 0, trees = 0;
  std::uint64_t rows = 0, entries = 0;
  std::uint64_t asked_sqlite = 0;  // queries
  SnapshotHold held = {};
  bool sound() const;  // no critical finding, none left out
};

// Throws Error{kLocked} where it is given up, Error{kIo}, and what `progress` throws. Damage is never thrown.
// A schema that can't be parsed (SchemaMap::unparsed) is a finding; its trees are not known, so pages are not
// counted then.
IntegrityReport check_integrity(PageSource& source, const SchemaMap& schema, const IntegrityOptions& options);

}  // namespace litewright
