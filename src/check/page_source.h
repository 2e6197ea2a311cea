// The pages of one moment for the checks that read pages themselves: a snapshot of a live database, or bytes
// in memory. Holds no page; whoever reads brings the buffer.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>

#include "base/types.h"
#include "sqlite/page_snapshot.h"

namespace litewright {

// read() may be called from several threads at once.
class PageSource {
 public:
  virtual ~PageSource() = default;
  std::uint32_t page_size() const { return page_size_; }
  std::uint32_t page_count() const { return page_count_; }  // as SQLite counts: its header, else the file
  std::uint32_t usable_bytes() const { return usable_bytes_; }

  // `out` is whole pages, within the database; what the file lacks is zeros. Throws Error{kIo}.
  virtual void read(PageNumber first, MutableBytes out) = 0;

  // For queries of the same moment, from one thread at a time; null where there is none.
  virtual Connection* connection() = 0;
  // Whether read() may run beside a query of connection().
  virtual bool reads_beside_queries() const = 0;
  // What holding this moment costs others so far.
  virtual SnapshotHold hold() = 0;

 protected:
  std::uint32_t page_size_ = 0, page_count_ = 0, usable_bytes_ = 0;
};

// Over a live database's snapshot, which must outlive it.
class SnapshotPages final : public PageSource {
 public:
  // Throws Error{kDamaged} where page 1 is no database's.
  explicit SnapshotPages(PageSnapshot& snapshot);
  void read(PageNumber first, MutableBytes out) override;
  Connection* connection() override { return &snapshot_.connection(); }
  bool reads_beside_queries() const override { return parallel_; }
  SnapshotHold hold() override;

 private:
  PageSnapshot& snapshot_;
  bool parallel_ = false;
  std::mutex one_at_a_time_;  // only where !parallel_
};

}  // namespace litewright
