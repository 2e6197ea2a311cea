// The pages of a live database as of one moment: one read mark in WAL mode, SHARED in rollback mode, held
// until release(). Nothing is written, and the files are read through SQLite's own handles (FACTS 7).
//
// Why the pages are of one moment. In WAL mode the mark lets nobody copy a later frame into the database
// file, nor restart the WAL (FACTS 3, 11): a page is its last frame at or below the snapshot's, else what the
// file holds. Where all of the WAL was copied back already, the mark is READ(0), which forbids copying back
// at all: the file alone is the snapshot, and the WAL may be restarted under us. Which frame the snapshot
// ends at is known because the index's header was the same before and after the read transaction began.
//
// READ(0) is settled for only where nobody commits for 10 ms, or for as long as the patience that is given:
// while it is held a writer's automatic checkpoint sorts the whole WAL at each commit before it finds that it
// may copy nothing; under READ(k) it sees that at once. A writer that waits for its disk looks quiet too.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "format/wal_index.h"
#include "sqlite/connection.h"
#include "sqlite/live_files.h"

namespace litewright {

// What a snapshot costs others so far.
struct SnapshotHold {
  std::chrono::nanoseconds age{};
  std::uint64_t pinned_bytes =
      0;  // of the WAL, written since: can't be copied back before release(); 0 without a WAL
};

// For one thread, but see threads_may_read(). Borrows the clock.
class PageSnapshot {
 public:
  // Throws as Connection does; Error{kLocked} where no mark could be had. Waits up to `patience` for the WAL
  // to be short: no mark lets it begin anew, and each page that a writer looks for costs it more the longer
  // it is.
  PageSnapshot(const std::string& path, const Clock& clock, std::chrono::milliseconds patience = {});
  ~PageSnapshot();
  PageSnapshot(const PageSnapshot&) = delete;
  PageSnapshot& operator=(const PageSnapshot&) = delete;

  bool wal() const { return wal_; }
  std::uint32_t page_size() const { return page_size_; }
  std::uint32_t page_count() const { return page_count_; }
  WallTime taken_at() const { return taken_at_; }

  // The pages from `first` on, as many as fit; `out` is whole pages within the database. Bytes are as an
  // ordinary copy of a checkpointed file would have them.
  void read(PageNumber first, MutableBytes out);

  // Whether, after a first read(), several threads may call it at once, and beside queries: this SQLite reads
  // at an offset (pread) instead of moving the descriptor's position first.
  static bool threads_may_read();

  // For queries of the same moment; it is in a read transaction. Must not end it.
  Connection& connection() { return *connection_; }

  SnapshotHold hold() const;
  // Lets the mark go; read() and connection() end with it. Gives what it had cost.
  SnapshotHold release();

 private:
  void open(const std::string& path, OpenMode mode, std::chrono::milliseconds patience);
  void begin_read();
  void wait_for_short_wal(std::chrono::milliseconds patience) const;
  void take_wal_mark(std::chrono::milliseconds patience);
  void map_frames();

  const Clock& clock_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<LiveFiles> files_;
  bool wal_ = false;
  std::uint32_t page_size_ = 0, page_count_ = 0;
  WallTime taken_at_{};
  SteadyTime begun_{};
  WalIndexHeader header_;                   // WAL mode: the snapshot
  bool file_alone_ = true;                  // no frame is needed
  bool mapped_ = false;                     // last_frames_ is there
  std::vector<std::uint64_t> last_frames_;  // page << 32 | its last frame, by page
};

}  // namespace litewright
