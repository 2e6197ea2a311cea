#include "check/tree_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "check/idle_thread_linux.h"
#include "check/overflow_chain.h"
#include "check/pointer_map.h"
#include "format/page_cells.h"

namespace litewright {
namespace {

constexpr int kMostDepth = 20;  // SQLite's own (BTCURSOR_MAX_DEPTH)
constexpr std::size_t kLeafBufferBytes = std::size_t{256} << 10;
constexpr std::int64_t kMostRowid = std::numeric_limits<std::int64_t>::max();

using Key = std::shared_ptr<const std::vector<std::byte>>;

// Rowids r with after < r <= up_to, where `after` is there.
struct RowidBounds {
  std::optional<std::int64_t> after;
  std::int64_t up_to = kMostRowid;
};

// A page whose children are leaves, or a leaf that is a root.
struct Run {
  std::size_t tree = 0;
  PageNumber page = {}, parent = {};
  int levels_below = 0;  // 0: a leaf
  RowidBounds rowids = {};
  Key after = {}, before = {};  // indexes
};

class Worker {
 public:
  Worker(PageSource& source, const std::vector<Tree>& trees, PageClaims& claims,
         const TreeWalkOptions& options, TreeSink& sink, const std::function<void(TreeFault)>& fault,
         std::atomic<std::uint64_t>& pages)
      : source_(source),
        trees_(trees),
        claims_(claims),
        sink_(sink),
        fault_(fault),
        pages_(pages),
        give_up_(options.give_up),
        pointer_map_(source),
        map_(options.pointer_map ? &pointer_map_ : nullptr),
        chain_(source, claims, options.most_payload_bytes) {}

  // The upper pages of a tree; its runs go to `runs`.
  void upper(std::size_t tree, std::vector<Run>& runs);
  void run(const Run& run);

 private:
  int depth_of(PageNumber root);
  void upper_page(const Run& at, std::vector<Run>& runs);
  bool claim(std::size_t tree, PageNumber page, PageNumber parent);
  bool judge(const Run& at, Bytes bytes, PageCells& cells);
  void leaf(const Run& at, Bytes bytes);
  void order_rowid(const Run& at, const PageCell& cell, RowidBounds& bounds);
  TreeEntry entry_of(const Run& at, Bytes page, const PageCell& cell);
  std::size_t read_leaves(const std::vector<PageNumber>& pages, std::size_t first);
  void report(TreeFault::Kind kind, std::size_t tree, PageNumber page, std::int32_t cell, std::string what) {
    fault_({.kind = kind, .tree = tree, .page = page, .cell = cell, .what = std::move(what)});
  }

  PageSource& source_;
  const std::vector<Tree>& trees_;
  PageClaims& claims_;
  TreeSink& sink_;
  const std::function<void(TreeFault)>& fault_;
  std::atomic<std::uint64_t>& pages_;
  const std::function<bool()>& give_up_;
  PointerMap pointer_map_;
  PointerMap* map_;
  OverflowChain chain_;
  PageCells cells_, leaf_cells_;
  std::vector<std::byte> page_, leaves_;
};

bool Worker::claim(std::size_t tree, PageNumber page, PageNumber parent) {
  const PageClaims::Claim claim = claims_.claim(page);
  if (claim == PageClaims::Claim::kTaken) return true;
  report(TreeFault::Kind::kPage, tree, parent, -1,
         claim == PageClaims::Claim::kTwice
             ? fmt::format("points at page {}, which is used elsewhere too", page.value)
             : fmt::format("points at page {}, which is outside the database's {} pages", page.value,
                           source_.page_count()));
  return false;
}

// What a page says for itself, and whether it is of the tree's kind and at its depth.
bool Worker::judge(const Run& at, Bytes bytes, PageCells& cells) {
  pages_.fetch_add(1, std::memory_order_relaxed);
  const bool readable = cells.read(at.page, bytes, source_.usable_bytes());
  for (const PageFault& fault : cells.faults()) {
    report(fault.cell < 0 ? TreeFault::Kind::kPage : TreeFault::Kind::kCell, at.tree, at.page, fault.cell,
           fault.what);
  }
  if (!readable) return false;
  if (is_table(cells.kind()) != trees_[at.tree].table) {
    report(TreeFault::Kind::kPage, at.tree, at.page, -1,
           trees_[at.tree].table ? "is an index's page in a table's b-tree"
                                 : "is a table's page in an index's b-tree");
    return false;
  }
  if (is_leaf(cells.kind()) != (at.levels_below == 0)) {
    report(TreeFault::Kind::kPage, at.tree, at.page, -1, "stands at another depth than its neighbours");
    return false;
  }
  const bool may_be_empty = at.parent.value == 0 && (at.levels_below == 0 || at.page == PageNumber(1));
  if (cells.cell_count() == 0 && !may_be_empty) {
    report(TreeFault::Kind::kPage, at.tree, at.page, -1, "has no cells");
    return false;
  }
  return true;
}

TreeEntry Worker::entry_of(const Run& at, Bytes page, const PageCell& cell) {
  TreeEntry entry{.rowid = cell.rowid,
                  .payload = page.subspan(cell.local_at, cell.local_bytes),
                  .payload_bytes = cell.payload_bytes,
                  .page = at.page,
                  .cell = cell.index};
  if (cell.payload_bytes == cell.local_bytes) return entry;
  entry.payload =
      chain_.gather({.local = entry.payload,
                     .payload_bytes = cell.payload_bytes,
                     .first = cell.first_overflow_page,
                     .owner = at.page,
                     .map = map_},
                    [&](TreeFault::Kind kind, PageNumber, std::string what) {
                      report(kind, at.tree, at.page, static_cast<std::int32_t>(cell.index), std::move(what));
                    });
  return entry;
}

void Worker::order_rowid(const Run& at, const PageCell& cell, RowidBounds& bounds) {
  if ((bounds.after && cell.rowid <= *bounds.after) || cell.rowid > bounds.up_to) {
    report(TreeFault::Kind::kRowidOrder, at.tree, at.page, static_cast<std::int32_t>(cell.index),
           fmt::format("rowid {} is out of order", cell.rowid));
  }
  bounds.after = cell.rowid;
}

void Worker::leaf(const Run& at, Bytes bytes) {
  if (give_up_ && give_up_()) throw Error(ErrorCode::kLocked, "gave up: the time for it is up");
  if (!judge(at, bytes, leaf_cells_)) {
    sink_.gap(at.tree);
    return;
  }
  const bool table = trees_[at.tree].table;
  RowidBounds bounds = at.rowids;
  if (leaf_cells_.cells().size() != leaf_cells_.cell_count()) sink_.gap(at.tree);
  for (const PageCell& cell : leaf_cells_.cells()) {
    if (table) order_rowid(at, cell, bounds);
    const TreeEntry entry = entry_of(at, bytes, cell);
    sink_.entry(at.tree, entry);
    // The overflow chain's memory goes with the next payload.
    if (cell.payload_bytes != cell.local_bytes) sink_.pages_end(at.tree);
  }
}

// Reads the pages from `first` on that stand beside each other in the file, as many as fit; gives how many.
std::size_t Worker::read_leaves(const std::vector<PageNumber>& pages, std::size_t first) {
  const std::size_t most = std::max<std::size_t>(kLeafBufferBytes / source_.page_size(), 1);
  std::size_t count = 1;
  while (count < most && first + count < pages.size() &&
         pages[first + count].value == pages[first].value + count) {
    count++;
  }
  leaves_.resize(count * source_.page_size());
  source_.read(pages[first], leaves_);
  return count;
}

void Worker::run(const Run& at) {
  sink_.begin_run(at.tree, at.after.get());
  const std::uint32_t size = source_.page_size();
  page_.resize(size);
  source_.read(at.page, page_);
  if (at.levels_below == 0) {
    leaf(at, page_);
    sink_.pages_end(at.tree);
    sink_.end_run(at.tree, at.before.get());
    return;
  }
  if (!judge(at, page_, cells_)) {
    sink_.gap(at.tree);
    sink_.end_run(at.tree, at.before.get());
    return;
  }
  const bool table = trees_[at.tree].table;
  const std::vector<PageCell>& cells = cells_.cells();
  std::vector<PageNumber> children;
  for (const PageCell& cell : cells) children.push_back(cell.left_child);
  children.push_back(cells_.right_child());
  std::vector<bool> ours(children.size());
  for (std::size_t i = 0; i < children.size(); i++) {
    if (map_ != nullptr) {
      if (auto wrong = map_->fault(children[i], PointerKind::kBTree, at.page)) {
        report(TreeFault::Kind::kPointerMap, at.tree, at.page, -1, *wrong);
      }
    }
    ours[i] = claim(at.tree, children[i], at.page);
  }
  if (cells.size() != cells_.cell_count()) sink_.gap(at.tree);

  RowidBounds bounds = at.rowids;
  std::size_t read_to = 0, read_from = 0;
  for (std::size_t i = 0; i < children.size(); i++) {
    Run child{.tree = at.tree, .page = children[i], .parent = at.page};
    child.rowids = {.after = bounds.after, .up_to = i < cells.size() ? cells[i].rowid : bounds.up_to};
    if (ours[i]) {
      if (i >= read_to) {
        sink_.pages_end(at.tree);
        read_from = i;
        read_to = i + read_leaves(children, i);
      }
      leaf(child, Bytes(leaves_).subspan((i - read_from) * size, size));
    } else {
      sink_.gap(at.tree);
    }
    if (i == cells.size()) break;
    if (table) {
      order_rowid(at, cells[i], bounds);
    } else {
      sink_.entry(at.tree, entry_of(at, page_, cells[i]));
      if (cells[i].payload_bytes != cells[i].local_bytes) sink_.pages_end(at.tree);
    }
  }
  sink_.pages_end(at.tree);
  sink_.end_run(at.tree, at.before.get());
}

// Levels below the root on its left-most path. Reads only; what is wrong there is said by the walk.
int Worker::depth_of(PageNumber root) {
  std::vector<std::byte> bytes(source_.page_size());
  PageCells cells;
  PageNumber page = root;
  for (int depth = 0; depth < kMostDepth; depth++) {
    if (page.value == 0 || page.value > source_.page_count()) return depth;
    source_.read(page, bytes);
    if (!cells.read(page, bytes, source_.usable_bytes()) || is_leaf(cells.kind())) return depth;
    page = cells.cells().empty() ? cells.right_child() : cells.cells().front().left_child;
  }
  return kMostDepth;
}

void Worker::upper(std::size_t tree, std::vector<Run>& runs) {
  const PageNumber root = trees_[tree].root;
  if (map_ != nullptr && root.value > 1) {
    if (auto wrong = map_->fault(root, PointerKind::kRoot, PageNumber(0))) {
      report(TreeFault::Kind::kPointerMap, tree, root, -1, *wrong);
    }
  }
  if (!claim(tree, root, root)) return;
  Run at{.tree = tree, .page = root};
  at.levels_below = depth_of(root);
  if (at.levels_below >= kMostDepth) {
    report(TreeFault::Kind::kPage, tree, root, -1,
           fmt::format("is the root of more than {} levels", kMostDepth));
    return;
  }
  upper_page(at, runs);
}

// `at.page` is taken already.
void Worker::upper_page(const Run& at, std::vector<Run>& runs) {
  if (at.levels_below <= 1) {
    runs.push_back(at);
    return;
  }
  const bool table = trees_[at.tree].table;
  std::vector<std::byte> bytes(source_.page_size());
  source_.read(at.page, bytes);
  PageCells cells;
  if (!judge(at, bytes, cells)) {
    sink_.gap(at.tree);
    return;
  }
  Run child{.tree = at.tree, .parent = at.page, .levels_below = at.levels_below - 1};
  child.after = at.after;
  RowidBounds bounds = at.rowids;
  for (std::size_t i = 0; i <= cells.cells().size(); i++) {
    const PageCell* const cell = i < cells.cells().size() ? &cells.cells()[i] : nullptr;
    child.page = cell != nullptr ? cell->left_child : cells.right_child();
    child.rowids = {.after = bounds.after, .up_to = cell != nullptr ? cell->rowid : bounds.up_to};
    child.before = at.before;
    if (cell != nullptr && table) order_rowid(at, *cell, bounds);
    if (cell != nullptr && !table) {
      const TreeEntry entry = entry_of(at, bytes, *cell);
      child.before =
          std::make_shared<const std::vector<std::byte>>(entry.payload.begin(), entry.payload.end());
      sink_.entry_between_runs(at.tree, entry);
    }
    if (map_ != nullptr) {
      if (auto wrong = map_->fault(child.page, PointerKind::kBTree, at.page)) {
        report(TreeFault::Kind::kPointerMap, at.tree, at.page, -1, *wrong);
      }
    }
    if (claim(at.tree, child.page, at.page)) upper_page(child, runs);
    child.after = child.before;
  }
}

}  // namespace

PageClaims::Claim PageClaims::claim(PageNumber page) {
  if (page.value == 0 || page.value > page_count_) return Claim::kOutside;
  const std::uint64_t bit = std::uint64_t{1} << page.value % 64;
  const std::uint64_t before = words_[page.value / 64].fetch_or(bit, std::memory_order_relaxed);
  return (before & bit) != 0 ? Claim::kTwice : Claim::kTaken;
}

bool PageClaims::claimed(PageNumber page) const {
  if (page.value == 0 || page.value > page_count_) return false;
  return (words_[page.value / 64].load(std::memory_order_relaxed) >> page.value % 64 & 1) != 0;
}

void walk_trees(PageSource& source, const std::vector<Tree>& trees, PageClaims& claims,
                const TreeWalkOptions& options, const std::function<std::unique_ptr<TreeSink>()>& make_sink,
                const std::function<void(TreeFault)>& fault,
                const std::function<void(TreeSink&)>& sink_done) {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  const unsigned threads = options.background ? 1 : options.threads == 0 ? cores : options.threads;
  std::vector<Run> runs;
  std::atomic<std::size_t> next = 0;
  std::atomic<std::uint64_t> pages = 0;
  std::atomic<bool> stop = false;
  std::mutex mutex;  // of what follows
  std::exception_ptr failed;

  const auto guarded = [&](const std::function<void()>& work) {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failed) failed = std::current_exception();
      stop = true;
    }
  };
  const auto finish = [&](TreeSink& sink) {
    const std::lock_guard lock(mutex);
    sink_done(sink);
  };
  const auto upper = [&] {
    if (options.background) make_this_thread_idle();
    const auto sink = make_sink();
    Worker worker(source, trees, claims, options, *sink, fault, pages);
    for (std::size_t tree = 0; tree < trees.size(); tree++) worker.upper(tree, runs);
    finish(*sink);
  };
  const auto work = [&] {
    if (options.background) make_this_thread_idle();
    const auto sink = make_sink();
    Worker worker(source, trees, claims, options, *sink, fault, pages);
    for (std::size_t at = next++; at < runs.size() && !stop; at = next++) {
      worker.run(runs[at]);
      if (options.meanwhile && at % 16 == 0) {
        const std::lock_guard lock(mutex);
        options.meanwhile(pages);
      }
    }
    finish(*sink);
  };
  const auto on_threads = [&](unsigned count, const std::function<void()>& body) {
    std::vector<std::jthread> started;
    for (unsigned i = 0; i < count; i++) started.emplace_back([&] { guarded(body); });
  };
  on_threads(1, upper);
  if (!failed) on_threads(threads, work);
  if (failed) std::rethrow_exception(failed);
}

}  // namespace litewright
