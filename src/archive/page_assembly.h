// Makes the pages of a planned state from their versions: the last whole one, the deltas after it, the result
// held against its recorded checksum.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "archive/page_drops.h"
#include "archive/page_merge.h"
#include "base/error.h"

namespace litewright {

// A plan's segments opened, the parts of them that count, and what the commits did to the database's size.
// Immutable once made: usable from several threads.
class PlanSources {
 public:
  PlanSources(const ObjectStore& store, const RestorePlan& plan);

  const CommitRecord& commit() const { return commit_; }
  std::uint32_t page_size() const { return page_size_; }
  std::span<const MergeSource> sources() const { return sources_; }
  const PageDrops& drops() const { return drops_; }

 private:
  CommitRecord commit_;
  std::uint32_t page_size_;
  std::vector<Segment> segments_;
  std::vector<MergeSource> sources_;
  PageDrops drops_;
};

// Where assembled pages go. One thread uses one sink.
class PageSink {
 public:
  virtual ~PageSink() = default;
  // Room for a page: assembled in place. Pages come in ascending order.
  virtual MutableBytes place(PageNumber page) = 0;
  // What the page is before its versions here; called only where its first version is a delta.
  virtual void base(PageNumber page, MutableBytes out) = 0;
  // The page in its place is done.
  virtual void keep(PageNumber page, const Checksum128& checksum) = 0;
  // Pages first to last have no version here.
  virtual void untouched(PageNumber first, PageNumber last) = 0;
};

// Gives `sink` every page of [from, to] as of the planned commit, as far as `part` of the sources goes. Pages
// beyond the commit's size are left out; the lock page is always untouched. With `only`, the versions of
// other pages are passed over, as if there were none. Throws Error{kDamaged}.
void assemble_pages(const PlanSources& plan, std::span<const MergeSource> part, PageNumber from,
                    PageNumber to, PageSink& sink, const PageSet* only = nullptr);

// One page on its way through its versions, in the room of the caller. `spare` is room for one more.
class PageUnderWork {
 public:
  PageUnderWork(MutableBytes place, MutableBytes spare) : place_(place), spare_(spare) {}

  Bytes content() const { return in_spare_ ? Bytes(spare_) : Bytes(place_); }
  MutableBytes content() { return in_spare_ ? spare_ : place_; }
  // Lays a version over the content; false where it can't be.
  [[nodiscard]] bool apply(const PageVersion& version);
  // Brings the content into `place`.
  void settle();

 private:
  MutableBytes place_, spare_;
  bool in_spare_ = false;
};

// Whether a page's checksum is what its version records (of versions in mid-run only the low half is known).
bool is_recorded(const Checksum128& computed, const PageVersion& version);

// Error{kDamaged}: "segments/….lws: page 7 as of commit 12: WHAT".
Error page_damage(const MergeSource& source, PageNumber page, Txid txid, const std::string& what);

}  // namespace litewright
