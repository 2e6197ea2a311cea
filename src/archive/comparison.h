// One stay of a follower at a database that has no WAL to follow (FACTS 18): after each change all pages are
// compared with the ledger, under SQLite's SHARED lock, and what differs becomes a commit. Private to the
// follower.
//
// A change is noticed by inotify, and by the change counter and the file's size at an interval. A comparison
// lets writers in as soon as one comes and goes on behind him; where the change counter moved it begins
// again. After kPatience it lets nobody in any more. Between two comparisons pass ten times as long as one
// takes, so several commits may become one: it is a gap with both bounds unless the counter moved by just
// one.
//
// Invariants: (1) SHARED is never held while the store is waited for; (2) what a commit record says was true
// at one moment under SHARED; (3) nothing is ever written to the database or its journal.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "archive/database_scan.h"
#include "archive/followed_file.h"
#include "archive/follower.h"
#include "archive/line_end.h"
#include "base/file_watch_linux.h"
#include "format/database_header.h"
#include "sqlite/rollback_guard.h"

namespace litewright {

class Follower::Comparison {
 public:
  Comparison(Follower& follower, Until until);

  // kAnother: the database is in WAL mode now, or its pages have another size: another stay is due.
  enum class End { kWhole, kNotWhole, kAnother };
  End run();

 private:
  void step();
  bool look_is_due();
  void compare();
  void note_writes();
  void begin_pass(const DatabaseHeader& header);
  bool continue_pass();
  void end_pass();
  void complete();
  void look_for_fork();
  void hindered(RollbackGuard::Entry by);
  std::string describe(RollbackGuard::Entry by) const;
  std::optional<DatabaseHeader> read_header() const;
  bool commit_is_pending() const;
  void flush_commit();
  void flush(bool seal);
  void answer();
  void announce();
  bool stop_asked() const;
  void sleep();
  End leave();
  bool catch_up(SteadyTime deadline);
  SteadyTime now() const { return follower_.clock_.steady(); }

  // What was archived last, as a comparison would find it.
  struct Archived {
    std::uint32_t page_count = 0;
    Checksum128 checksum;
    bool operator==(const Archived&) const = default;
  };
  // The last whole pass.
  struct Compared {
    std::uint32_t change_counter = 0;
    std::uint64_t bytes = 0;
  };

  Follower& follower_;
  Until until_;
  RollbackGuard guard_;
  FileWatch watch_;
  std::uint32_t page_size_;
  Catalogue catalogue_;
  Ledger ledger_;
  LineEnd line_;
  FollowedFile followed_file_;
  SegmentUploader uploader_;
  std::unique_ptr<SegmentPart> part_;

  Txid last_txid_;
  WallTime last_seen_at_{};
  std::optional<Archived> archived_;
  std::optional<std::uint32_t> archived_counter_;
  std::optional<std::string> fork_;  // why the line forked, if anything differs

  std::optional<DatabaseScan> scan_;  // a pass, perhaps interrupted
  std::uint32_t pass_counter_ = 0;    // it compares the state that this change counter stands for
  SteadyTime work_began_{};           // with the first pass of a comparison
  std::uint64_t passes_ = 0;          // whole ones
  std::optional<Compared> compared_;
  WallTime compared_at_{};  // the archive, with what is on its way, was the database then

  bool touched_ = true;  // the file was written since the last whole pass
  bool segment_open_ = false, another_ = false, announced_ = false, gap_ = false, warned_ = false;
  std::uint64_t answered_ = 0;  // requests to sync up to this one
  std::optional<SteadyTime> hindered_since_;
  SteadyTime not_before_{}, retry_at_{}, interval_at_{};
};

}  // namespace litewright
