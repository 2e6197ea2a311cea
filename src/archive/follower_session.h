// One stay of a follower at its database, from the first pin to the last close: the state that its parts
// share. Its parts are follower_session.cc (attach, scan, follow, segments, leave), follower_actions.cc (what
// the hand-over protocol asks for) and follower_limits.cc (where the pin is given up). Private to the
// follower.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "archive/checkpoint_witness.h"
#include "archive/followed_file.h"
#include "archive/follower.h"
#include "archive/line_end.h"
#include "base/disk_space.h"
#include "base/file_watch_linux.h"

namespace litewright {

// What is followed is not what the application opens any more: by name, or by what was laid over it.
class DatabaseMoved : public Error {
 public:
  using Error::Error;
};

class DatabaseOverwritten : public DatabaseMoved {
 public:
  using DatabaseMoved::DatabaseMoved;
};

inline bool same_salt(const WalIndexHeader& one, const WalIndexHeader& other) {
  return one.salt[0] == other.salt[0] && one.salt[1] == other.salt[1];
}

// One stay at the database: from the first pin to the last close.
struct Follower::Session {
  Session(Follower& owner, Until run_until)
      : follower(owner),
        until(run_until),
        catalogue(Catalogue::load(owner.store_)),
        guard(owner.options_.database),
        page_size(guard.page_size()),
        ledger(LedgerOptions{owner.options_.state_folder, page_size}),
        capture(guard, ledger, owner.clock_, FrameCapture::Options{.page_size = page_size}),
        line(owner.store_, *catalogue, page_size, owner.options_.fence, ledger,
             owner.options_.anew ? LineEnd::Begin::kAnew : LineEnd::Begin::kWhereItEnds),
        followed_file(owner.options_.state_folder, owner.store_.describe(), owner.options_.database),
        uploader(owner.store_, line.last(),
                 SegmentUploader::Events{
                     [this](Txid txid, std::uint64_t bytes) { follower.note_stored(txid, bytes); },
                     [this](const Error& error) { store_failed(error); }},
                 owner.spool_),
        part(uploader.take_empty()) {}

  // On a failure the application comes first: out of the gate and off the database before the uploader, which
  // may be in the middle of a slow write, is waited for.
  ~Session() { close(); }
  void close() {
    guard.close();
    if (follower.events_.gate) follower.events_.gate(false);
  }

  // As Follower's.
  std::optional<bool> go_on(const std::function<void()>& awake);

  // Beginning.
  void attach();
  bool may_go_on(const WalIndex& index) const;
  bool enter_gate_to_attach();
  void begin_scan(const std::optional<WalIndex>& still);
  void look_for_fork(const WalIndex& index);
  bool scan_slice();
  void end_scan();
  void scan_still(const WalIndex& index);
  bool may_stand_still(const WalIndex& index);
  const DiskSpace& disk_now();
  bool wants_shorter_wal(const WalIndex& index, SteadyTime now);

  // Following.
  enum class Pause { kStopped, kRest };
  Pause follow(const std::function<void()>& awake);
  void step();
  bool capture_now(const WalIndex& index, bool force);
  bool close_open_segment(bool force);
  bool wait_for_room(bool force);
  void require_taken();
  void begin_again(const WalIndex& index);
  HandoverOutcome perform(HandoverAction action);
  HandoverOutcome hand_over();
  HandoverOutcome checkpoint();
  HandoverOutcome enter_gate();
  std::uint32_t gate_backlog_frames() const;
  std::uint32_t uncaptured(const WalIndex& index) const;
  void release_gate();
  void hold_the_ceiling(const WalIndex& index);
  void let_go_of_checkpoint_lock();
  WalView view(const WalIndex& index);
  void sleep(std::chrono::milliseconds duration, const WalIndex& index);
  int watch_descriptor();
  bool may_rest(const WalView& seen, const WalIndex& index);
  bool lie_down(const std::function<void()>& awake);

  // Segments.
  void flush_when_due();
  void flush_part(bool seal);
  bool flush_due() const;

  // Requests and the end.
  void answer_requests();
  HandoverWish wish() const;
  void grant_wish();
  bool everything_archived();
  void announce();
  bool leave();
  bool drain() const;
  void publish(const WalIndex& index);
  void require_same_file() const;
  void require_untouched_file();
  void look_at_file();
  bool is_stamped_anew() const;
  void warn(const std::string& text) const {
    if (follower.events_.warning) follower.events_.warning(text);
  }

  // Told by the uploader's thread. Who follows tries for ever; a backup that somebody waits for ends with the
  // store's own error, after 3 s.
  void store_failed(const Error& error) {
    if (until == Until::kArchived && ++store_failures >= kTriesOfABackup) throw Error(error);
    warn(fmt::format("archive: {}; trying again", error.what()));
  }

  static constexpr int kTriesOfABackup = 5;
  Follower& follower;
  Until until;
  std::optional<Catalogue> catalogue;  // until following is announced
  WalGuard guard;
  std::optional<FileWatch> wal_watch;  // once it slept, where it has a turn
  Turnstile::Turn watch_turn;
  std::uint32_t page_size;
  Ledger ledger;
  FrameCapture capture;
  int store_failures = 0;  // of the uploader's thread
  LineEnd line;
  FollowedFile followed_file;
  SegmentUploader uploader;
  std::unique_ptr<SegmentPart> part;
  std::optional<Handover> handover;
  CheckpointWitness witness;
  std::optional<DatabaseScan> scan;
  // The scan reads the database as of this index: our mark stands still, so nothing newer is copied into the
  // file, and what is written meanwhile is captured afterwards, commit by commit (docs/decisions/0015).
  std::optional<WalIndex> still_at;
  WallTime still_since{};
  // The change after which the WAL's file is cut if it is long, and until when that is tried.
  std::optional<std::uint32_t> cut_after;
  SteadyTime cut_until{};
  // What was in the WAL when we came.
  FrameNumber attached_at;
  std::uint64_t attached_generation = 0;
  HandoverOutcome outcome;
  std::optional<Txid> first_goal;  // archived: then following is announced
  // The pin was taken when everything was copied back: the WAL may be restarted once.
  bool on_read_zero = false;
  bool can_rest = false;
  std::optional<std::uint32_t> may_rest_at;  // nothing is to be done while the index shows this change
  SteadyTime no_rest_before{};
  bool segment_open = false;  // parts of it were submitted
  bool zero_salts_reported = false, announced = false, after_gap = false;
  // Why the line forked, if what is scanned differs at all.
  std::optional<std::string> fork;
  SteadyTime last_flush{};
  SteadyTime gate_entered{};
  SteadyTime file_looked_at{};
  struct Untouched {
    WalIndexHeader header;
    FileStamp stamp;
    std::uint64_t pin = 0;
  };
  std::optional<Untouched> untouched;  // all was copied back then
  bool is_unwritten_since(const Untouched& then, const WalIndex& index) const;
  std::uint64_t pins = 0;  // that were handed over to
  std::optional<SteadyTime> trouble_since{};
  Txid archived_in_trouble;
  SteadyTime disk_looked_at{};
  DiskSpace disk;  // the database's
  std::uint64_t scan_pages = 0;
  WallTime known_until{};                     // when the database was last known, before the scan
  std::optional<Handover::Counters> at_wish;  // when what is wished for was first seen
  FollowStatus counts;
};

}  // namespace litewright
