// Goes once through every page of b-trees on several threads: the upper interior pages first, then, in
// parallel, each interior page above leaves with its leaves, in the order of keys, runs of neighbouring pages
// in one read. Each page is judged by itself (format/page_cells), its place in the tree (kind, depth, rowids
// within its parent's bounds, one owner) and its pointer map entry, where the database has a pointer map.
//
// Bounded: a page is taken once, whatever points at it, so that cycles end; a worker holds 256 KiB of leaves
// and one payload of at most `most_payload_bytes`.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/types.h"
#include "check/page_source.h"

namespace litewright {

// Which pages have an owner. Thread-safe.
class PageClaims {
 public:
  explicit PageClaims(std::uint32_t page_count)
      : page_count_(page_count), words_(std::size_t{page_count} / 64 + 1) {}
  enum class Claim { kTaken, kTwice, kOutside };
  Claim claim(PageNumber page);
  bool claimed(PageNumber page) const;

 private:
  std::uint32_t page_count_;
  std::vector<std::atomic<std::uint64_t>> words_;
};

struct Tree {
  PageNumber root = {};
  bool table = true;  // else the b-tree of an index, or of a WITHOUT ROWID table
};

// A row, or an index entry. Views end with the call.
struct TreeEntry {
  std::int64_t rowid = 0;           // tables
  Bytes payload = {};               // all of it, or its beginning where it is longer than the walk's bound
  std::uint64_t payload_bytes = 0;  // the whole
  PageNumber page = {};
  std::uint32_t cell = 0;
};

// A worker's ear. One sink is called by one thread at a time; a run is a stretch of a tree in the order of
// its keys, all of one call sequence begin_run … end_run.
class TreeSink {
 public:
  virtual ~TreeSink() = default;
  // The keys between which the run lies; null: no bound on that side. They are entries that are given
  // elsewhere. Indexes only.
  virtual void begin_run(std::size_t /*tree*/, const std::vector<std::byte>* /*after*/) {}
  virtual void entry(std::size_t tree, const TreeEntry& entry) = 0;
  // What lies between the entry before and the next can't be read.
  virtual void gap(std::size_t /*tree*/) {}
  // The bytes of earlier entries of this run are about to go.
  virtual void pages_end(std::size_t /*tree*/) {}
  virtual void end_run(std::size_t /*tree*/, const std::vector<std::byte>* /*before*/) {}
  // An entry that stands on an upper page, between two runs: given apart, out of order.
  virtual void entry_between_runs(std::size_t tree, const TreeEntry& upper) { entry(tree, upper); }
};

struct TreeFault {
  enum class Kind : std::uint8_t { kPage, kCell, kRowidOrder, kOverflow, kPointerMap };
  Kind kind = Kind::kPage;
  std::size_t tree = 0;
  PageNumber page = {};
  std::int32_t cell = -1;
  std::string what = {};
};

struct TreeWalkOptions {
  unsigned threads = 0;      // 0: one a core
  bool background = false;   // one thread that runs only when nothing else would
  bool pointer_map = false;  // hold entries against it
  std::uint64_t most_payload_bytes = std::uint64_t{16} << 20;
  // Called now and then, from one thread at a time, with the pages read so far; may throw, which ends the
  // walk.
  std::function<void(std::uint64_t pages)> meanwhile = {};
  // Asked at each leaf, by any thread: true ends the walk with Error{kLocked}. Empty: never.
  std::function<bool()> give_up = {};
};

// `fault` may be called from several threads at once. Throws what reading and the sinks throw.
void walk_trees(PageSource& source, const std::vector<Tree>& trees, PageClaims& claims,
                const TreeWalkOptions& options, const std::function<std::unique_ptr<TreeSink>()>& make_sink,
                const std::function<void(TreeFault)>& fault, const std::function<void(TreeSink&)>& sink_done);

}  // namespace litewright
