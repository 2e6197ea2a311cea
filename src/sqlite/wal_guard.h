// The pins and the gate with which a live WAL is followed: two read transactions taken hand over hand, a
// writer's lock that writes nothing, a checkpointer (FACTS 11, 12, 28-33; the order of the steps is
// archive/handover's business).
//
// One object a database and process (FACTS 7); used from one thread.
// Invariants: (1) from pin() to release() at least one read transaction of ours is open; (2) the checkpoint
// lock is held only between lock_checkpoint() and unlock_checkpoint() or the end of this object; (3) no
// descriptor of the database's files is closed before all connections are. At rest it is one connection:
// SQLite keeps the main file's descriptors of the others until the last one is closed, and uses them again.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/cheap_look.h"
#include "format/wal_index.h"
#include "sqlite/connection.h"
#include "sqlite/live_files.h"
#include "sqlite/main_file.h"

namespace litewright {

struct CheckpointOutcome {
  bool busy = false;         // another checkpoint was running
  std::uint32_t frames = 0;  // in the WAL
  std::uint32_t copied = 0;  // of them copied back into the database file
};

// Who holds the two lock bytes that tell of a waiting checkpoint; 0: nobody (or ourselves), -1: held by
// somebody unknown.
struct WalLockHolders {
  int writer = 0;
  int checkpointer = 0;
};

// Which name means another file than the one that is open, or none.
enum class MovedFile { kNone, kDatabase, kWal };

class WalGuard final : public MainFile {
 public:
  // Opens a connection; two more when they are needed. Throws where the file is no database, is not in WAL
  // mode (Error{kUsage}), is locked exclusively, or can't be written (following needs the WAL index).
  explicit WalGuard(const std::string& path);
  ~WalGuard() override;
  WalGuard(const WalGuard&) = delete;
  WalGuard& operator=(const WalGuard&) = delete;

  std::uint32_t page_size();

  // Closes what the one pin that stands still does not need. Neither in the gate, nor with the next read
  // transaction or the checkpoint lock.
  void rest();

  // Leaves the gate and closes all connections, as SQLite wants it closed: the last one checkpoints (FACTS
  // 28), but not where a file has moved: it would delete somebody else's WAL by its name.
  void close();

  // The first pin: a read transaction. Its mark is a frame at or below the index's max_frame.
  void pin();
  // Takes the next read transaction while the old one stays: false if the lock could not be had.
  bool take_next();
  // Ends the old one: only after everything up to the next one's mark was captured.
  void drop_old();
  // Ends the next one instead: the old pin stays.
  void drop_next();

  // The WAL index now. A torn header is waited for and at last recovered by a read of our own (FACTS 8); a
  // checkpoint lock of ours is let go for that.
  WalIndex index();

  // PASSIVE, by a connection of its own; does real work and syncs. Refused where a file has moved, as
  // try_truncate() is: the old WAL would be laid over a database that somebody restored. A checkpoint lock of
  // ours is let go just before, so that nobody comes in between but by a chance of microseconds. May run on
  // another thread than the rest.
  CheckpointOutcome checkpoint();

  // Resets the WAL, its file too, if that needs no waiting: false where somebody writes or reads. Loses
  // nothing that is not captured: a pin of ours on READ(k) forbids it, one on READ(0) forbids copying back,
  // without which it is refused.
  bool try_truncate();

  // Keeps writers out (BEGIN IMMEDIATE; nothing is written). While it waits, `meanwhile` is called again and
  // again: the capture and the hand-over must go on (FACTS 17); what it throws ends the wait. False: not to
  // be had within the bound of tries.
  bool enter_gate(const std::function<void()>& meanwhile);
  void leave_gate();

  bool lock_checkpoint();
  void unlock_checkpoint();
  bool checkpoint_locked() const { return checkpoint_locked_; }

  WalLockHolders lock_holders() const;
  // The cheap look between two real ones, good for a quiet database: whether somebody committed since the
  // index showed `change`, or has one of the two locks. Good until release or rest(). None: there is no
  // descriptor.
  std::optional<CheapLook> look(std::uint32_t change) const;

  void read_main(std::uint64_t offset, MutableBytes out) const override {
    held_.files->read_main(offset, out);
  }
  void read_wal(std::uint64_t offset, MutableBytes out) const { held_.files->read_wal(offset, out); }
  std::uint64_t main_bytes() const override { return held_.files->main_bytes(); }
  std::uint64_t wal_bytes() const { return held_.files->wal_bytes(); }
  // What is followed is no longer what the application opens. SQLite itself deletes neither WAL nor index
  // while we are there: that was somebody's rm or mv.
  MovedFile moved_file() const;
  bool has_moved() const { return moved_file() != MovedFile::kNone; }
  // No other process has the database open. False where that can't be asked.
  bool is_alone() const;

 private:
  // A connection, and what it lends.
  struct Side {
    std::unique_ptr<Connection> connection;
    std::unique_ptr<LiveFiles> files;
  };
  void begin_read(Connection& connection);
  Side& opened(Side& side);
  void find_index_descriptor();
  void require_unmoved() const;
  Connection* gate_connection();
  WalIndex recovered_index();
  void read_to_recover();

  std::string path_;
  // For F_GETLK alone: SQLite's own of -shm, or one of ours, closed after the connections.
  int index_descriptor_ = -1;
  bool index_descriptor_is_ours_ = false;
  int main_descriptor_ = -1;  // SQLite's own, for F_GETLK; -1: not found
  struct FileId {
    std::uint64_t device = 0, inode = 0;
    bool operator==(const FileId&) const = default;
  };
  static std::optional<FileId> file_id(const std::string& path);
  std::optional<FileId> wal_id_, index_id_;  // since pin()
  Side held_, next_, gate_;                  // next_ checkpoints where it does not read
  bool next_pinned_ = false, waits_for_gate_ = false, in_gate_ = false, checkpoint_locked_ = false;
};

}  // namespace litewright
