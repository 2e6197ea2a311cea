// Reads new frames of a live WAL and turns them into page versions and commits: the ledger is kept, each
// version is archived as its difference from the one before where that base is in reach and is the one that
// the archive has.
//
// The base of a version: the page cache, else this generation's frame, else the database file, which is never
// newer than what was captured (FACTS 33). Whatever the source, its checksum is held against the ledger's: a
// delta is never made against bytes that the archive does not have.
//
// Invariants: (1) position() <= the index's max_frame of the generation it was read in; (2) after a whole
// capture() the ledger is the database as of max_frame; (3) txids grow by one a commit.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "archive/frame_map.h"
#include "archive/ledger.h"
#include "archive/page_cache.h"
#include "archive/segment.h"
#include "base/clock.h"
#include "format/wal.h"
#include "format/wal_index.h"
#include "sqlite/wal_guard.h"

namespace litewright {

// What was captured and is not yet on its way to the store.
struct CaptureBatch {
  RunBuffer versions;
  std::vector<CommitRecord> commits;
  bool partial_commit = false;  // versions of the commit after the last one in `commits` are among them

  bool empty() const { return versions.empty() && commits.empty(); }
  void clear() {
    versions.clear();
    commits.clear();
    partial_commit = false;
  }
};

class FrameCapture {
 public:
  struct Options {
    std::uint32_t page_size = 4096;
    std::size_t page_cache_bytes = 8 << 20;
    std::size_t batch_bytes = 4 << 20;  // capture() stops there until the batch was taken
  };

  FrameCapture(WalGuard& guard, Ledger& ledger, const Clock& clock, const Options& options);

  // Begins after frame `position` of the generation that `index` shows; the next commit is `last` + 1.
  // Frames up to `position` whose pages are not yet copied back are remembered as bases.
  void start(const WalIndex& index, FrameNumber position, Txid last, WallTime last_seen_at);

  // While collecting (a scan runs), all versions belong to one commit and no commit is recorded; captured
  // pages are marked, for the scan must not archive an older copy of them.
  void begin_collecting();
  bool was_collected(PageNumber page) const;
  // Ends collecting: everything since begin_collecting() becomes one commit of `page_count` pages, which was
  // there at `seen_at`.
  void end_collecting(std::uint32_t page_count, WallTime seen_at, std::optional<WallTime> gap_since,
                      CaptureBatch& batch);
  void cancel_collecting() { collecting_ = false; }  // nothing differed: no commit

  enum class Progress {
    kComplete,   // everything up to index.max_frame
    kBatchFull,  // take the batch, call again
    kLost,       // recovery dropped frames that were captured (FACTS 28): the WAL is shorter, or holds others
  };
  // `stop_after_commit`: return kBatchFull after the first commit that ends. `force`: three times
  // the usual bound on the batch.
  struct Request {
    bool stop_after_commit = false;
    bool force = false;
  };
  Progress capture(const WalIndex& index, CaptureBatch& batch, const Request& request);

  // What is there now and will be captured later: its commits were seen now.
  void note_seen(const WalIndex& index);

  // True while index and capture are of one generation.
  bool same_generation(const WalIndex& index) const;
  std::uint64_t generation() const { return generation_; }
  FrameNumber position() const { return position_; }
  bool saw_zero_salts() const { return zero_salt_generation_ == generation_; }
  Txid last_txid() const { return last_txid_; }
  WallTime last_seen_at() const { return last_seen_at_; }
  // After the last commit captured.
  const WalPosition& commit_position() const { return commit_position_; }
  // After a scan: where it ended, with the hash of the commit there, if frames are there.
  void note_position(std::optional<std::uint64_t> commit_hash) {
    commit_position_ = WalPosition{{salt_[0], salt_[1]}, position_, commit_hash.value_or(0)};
  }

  // The hash that WalPosition carries, of the commit that ends at `frame`; nullopt where the frames are not
  // there.
  static std::optional<std::uint64_t> commit_hash_at(const WalGuard& guard, std::uint32_t page_size,
                                                     FrameNumber frame);

  // Of what only saves work, while nothing is captured.
  void give_back_memory();

  struct Counters {
    std::uint64_t frames = 0, commits = 0, whole = 0, deltas = 0, unchanged = 0, zero_salt_frames = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  // With sector padding a commit's last frame is repeated, commit mark and all: no second commit (FACTS 10).
  // A commit that changes nothing right behind one that ends with the same page looks the same, and leaves
  // the same state.
  struct CommitFrame {
    PageNumber page;
    std::uint32_t size_after_commit = 0;
    Checksum128 checksum;
    bool operator==(const CommitFrame&) const = default;
  };

  void take_frame(Bytes frame, FrameNumber number, CaptureBatch& batch);
  void take_commit(FrameNumber frame, std::uint32_t page_count, CaptureBatch& batch);
  WallTime seen_at(FrameNumber frame);
  void add_version(PageNumber page, Bytes content, CaptureBatch& batch);
  Bytes find_base(PageNumber page, const Checksum128& recorded);
  void note_generation(const WalIndex& index);
  bool still_there(const WalIndex& index);

  WalGuard& guard_;
  Ledger& ledger_;
  const Clock& clock_;
  Options options_;
  PageCache cache_;
  FrameMap frames_;
  std::vector<std::byte> chunk_, base_, delta_;
  std::uint64_t commit_hash_ = 0;
  std::vector<bool> collected_;
  bool collecting_ = false;
  std::uint64_t generation_ = 0, zero_salt_generation_ = ~0ull;
  std::uint32_t salt_[2] = {0, 0};
  FrameNumber position_;
  Txid last_txid_;
  WallTime last_seen_at_{}, now_{};
  struct Sighting {
    FrameNumber up_to;
    WallTime at{};
  };
  std::deque<Sighting> sightings_;  // of this generation, ascending
  WalPosition commit_position_;
  CommitFrame last_commit_frame_;
  std::uint32_t last_change_ = 0;
  std::array<std::byte, kWalFrameHeaderBytes> last_header_{};  // of the frame at position_
  Counters counters_;
};

}  // namespace litewright
