#include "archive/follower_session.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "archive/fork_evidence.h"
#include "archive/resume.h"

namespace litewright {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kScanSlice{8};  // between two looks at the WAL
constexpr milliseconds kBusyStep{5};
constexpr milliseconds kQuietLook{75};
constexpr std::chrono::minutes kShortestRest{60};  // unless it is woken
constexpr milliseconds kBetweenTriesToRest{30'000};
constexpr milliseconds kForcedPatience{20};
constexpr milliseconds kStopCapture{5'000};
constexpr milliseconds kBackupPatience{3'000};
constexpr milliseconds kStopDrain{30'000};
constexpr milliseconds kDrainStep{100};
constexpr milliseconds kFlushForEachSpooled{1000};
constexpr milliseconds kLongestFlush{30'000};
constexpr int kLeaveGateTries = 40;
constexpr std::uint32_t kProvenInGate = 16'384;  // frames whose headers are read while writers wait

}  // namespace

std::optional<bool> Follower::Session::go_on(const std::function<void()>& awake) {
  can_rest = follower.options_.rest != nullptr && awake != nullptr && until == Until::kStopped;
  file_looked_at = {};
  try {
    if (follow(awake) == Pause::kRest) return std::nullopt;
  } catch (const DatabaseOverwritten&) {
    throw;  // whatever came since stands on a state that is not the archive's
  } catch (const DatabaseMoved&) {
    leave();  // what was committed to the old file is archived; nothing that goes to the new one is called so
    throw;
  }
  return leave();
}

Follower::Session::Pause Follower::Session::follow(const std::function<void()>& awake) {
  while (true) {
    {
      const std::lock_guard lock(follower.mutex_);
      if (follower.stopping_ && !handover->in_gate() && !handover->holds_checkpoint_lock())
        return Pause::kStopped;
    }
    may_rest_at.reset();
    step();
    answer_requests();
    grant_wish();
    if (!announced && everything_archived()) announce();
    if (until == Until::kArchived) require_taken();
    const bool resting = !handover->in_gate() && !handover->holds_checkpoint_lock();
    if (until == Until::kArchived && announced && resting) return Pause::kStopped;
    if (may_rest_at && lie_down(awake)) return Pause::kRest;
  }
}

void Follower::Session::attach() {
  if (const auto finding = damaged_line_finding(line, follower.options_.database)) follower.tell(*finding);
  guard.pin();
  followed_file.look();
  WalIndex index = guard.index();
  // Read twice: backfilled is surely of this generation where the second look finds no other one.
  on_read_zero = index.backfilled >= index.header.max_frame || !same_salt(guard.index().header, index.header);
  const bool in_gate = on_read_zero && may_go_on(index) && enter_gate_to_attach();
  if (in_gate) index = guard.index();
  Continuity continuity;
  if (may_go_on(index) && (in_gate || !on_read_zero))
    continuity = prove_continuity(guard, index, page_size, line.position(), ledger);
  if (continuity.kind == Continuity::Kind::kContinues) {
    capture.start(index, continuity.position, line.last(), line.last_seen_at());
    if (in_gate) capture.capture(index, part->batch, {.force = true});
  } else {
    if (continuity.kind == Continuity::Kind::kForked) fork = "the WAL is not the one that was archived";
    look_for_fork(index);
    // Frames up to nBackfill are in the file; everything after them is captured (FACTS 16).
    capture.start(index, std::min(index.backfilled, index.header.max_frame), line.last(),
                  line.last_seen_at());
    begin_scan(index);
  }
  if (in_gate) release_gate();
  attached_at = index.header.max_frame;
  attached_generation = capture.generation();
  HandoverOptions options;
  const std::uint32_t frame_bytes = page_size + 24;
  options.wal_limit_frames = static_cast<std::uint32_t>(follower.options_.wal_limit_bytes / frame_bytes);
  options.gate_backlog_frames = gate_backlog_frames();
  handover.emplace(options, view(index));
}

// Whether it is worth looking if the WAL continues what was archived. A pin on READ(0) lets it be restarted,
// and with it the frames that are not captured yet: they are captured with writers kept out, so they must be
// few.
bool Follower::Session::may_go_on(const WalIndex& index) const {
  const auto& archived = line.position();
  if (!archived || followed_file.was_replaced()) return false;
  if (!std::ranges::equal(archived->salt, index.header.salt)) return false;
  const std::uint32_t owed =
      index.header.max_frame.value - std::min(archived->frame, index.header.max_frame).value;
  return !on_read_zero || (owed <= gate_backlog_frames() && index.header.max_frame.value <= kProvenInGate);
}

void Follower::Session::begin_scan(const std::optional<WalIndex>& still) {
  counts.scans++;
  still_at = still;
  still_since = follower.clock_.wall();
  known_until = std::max(capture.last_seen_at(), std::min(followed_file.known_at(), follower.clock_.wall()));
  capture.begin_collecting();
  scan.emplace(guard, ledger, &capture, page_size);
  scan_pages = guard.main_bytes() / page_size;
}

// Whether what was archived last is on no line of the database any more (FACTS 14, docs/decisions/0004).
void Follower::Session::look_for_fork(const WalIndex& index) {
  if (fork || !line.newest()) return;
  if (followed_file.was_replaced()) {
    fork = kReplacedFile;
    return;
  }
  const std::vector<std::byte> first = read_first_page(guard, index, page_size);
  if (line.other_page_size() || page_checksum(PageNumber(1), first) != ledger.get(PageNumber(1)))
    fork = counter_went_back(archived_change_counter(follower.store_, *catalogue), first);
}

// False: the uploader has no room; there is nothing to do but to wait for it.
bool Follower::Session::scan_slice() {
  const SteadyTime end = follower.clock_.steady() + kScanSlice;
  do {
    if (part->batch.versions.bytes() >= (4u << 20)) {
      if (!uploader.has_room()) return false;
      flush_part(false);
    }
    if (!scan->step(capture.last_txid().next(), part->batch)) {
      end_scan();
      return true;
    }
  } while (follower.clock_.steady() < end);
  if (follower.events_.scanning) follower.events_.scanning(scan->pages_done(), scan_pages);
  return true;
}

// As long as it is one state that is read, what was committed since is left in the WAL.
void Follower::Session::scan_still(const WalIndex& index) {
  capture.note_seen(index);
  const bool read = capture_now(*still_at, false) && scan && scan_slice();
  if (read || !scan) return;
  publish(index);
  sleep(kBusyStep, index);
}

// Everything up to max_frame is captured and laid over: consistent from here on, and only from here (FACTS
// 16).
void Follower::Session::end_scan() {
  const WalIndex index = still_at ? *still_at : guard.index();
  if (!capture_now(index, true)) return;
  const bool in_wal = index.header.max_frame.value > 0 && index.header.page_count > 0;
  const auto page_count =
      in_wal ? index.header.page_count : static_cast<std::uint32_t>(guard.main_bytes() / page_size);
  ledger.resize(page_count);
  const auto& newest = line.newest();
  const bool unchanged = newest && line.goes_on() && !segment_open && part->batch.empty() &&
                         newest->page_count == page_count && newest->checksum == ledger.sum();
  const bool gap = capture.last_txid().value > 0;
  if (unchanged) {
    capture.cancel_collecting();
  } else {
    const WallTime seen_at = still_at ? still_since : follower.clock_.wall();
    capture.end_collecting(page_count, seen_at, gap ? std::optional(known_until) : std::nullopt, part->batch);
  }
  capture.note_position(FrameCapture::commit_hash_at(guard, page_size, capture.position()));
  if (!unchanged) flush_part(true);  // carries that position: the next start may go on from it
  scan.reset();
  still_at.reset();
  fork.reset();
  after_gap = gap && !unchanged;
  announced = false;
  first_goal.reset();
}

// True when the store has what was committed when this was first asked since the scan: under load there is
// always a commit more.
bool Follower::Session::everything_archived() {
  if (!first_goal) {
    if (scan || !capture_now(guard.index(), false) || scan || part->batch.partial_commit) return false;
    first_goal = capture.last_txid();
  }
  if (uploader.archived() >= *first_goal) return true;
  if (!scan && !part->batch.empty() && !part->batch.partial_commit && uploader.idle()) flush_part(true);
  return false;
}

void Follower::Session::announce() {
  announced = true;
  catalogue.reset();
  if (const auto finding = mended_line_finding(line, follower.options_.database)) follower.tell(*finding);
  followed_file.remember(capture.last_seen_at());
  if (follower.events_.following) follower.events_.following(capture.last_txid(), after_gap);
}

WalView Follower::Session::view(const WalIndex& index) {
  const WalLockHolders holders = guard.lock_holders();
  const bool asks_for_proof = !handover || handover->proof_owed();
  WalView seen;
  seen.now = follower.clock_.steady();
  seen.generation = capture.generation();
  seen.change = index.header.change;
  seen.max_frame = index.header.max_frame.value;
  seen.backfilled = index.backfilled.value;
  seen.captured = capture.position().value;
  seen.checkpoint_free = holders.checkpointer == 0 ||
                         (asks_for_proof && witness.surely_fresh(holders, index.header.change, seen.now));
  seen.checkpoint_waits = holders.checkpointer != 0 && holders.checkpointer == holders.writer;
  seen.zero_salt_frames = capture.saw_zero_salts();
  seen.alone = index.backfilled < index.header.max_frame && guard.is_alone();
  seen.wish = wish();
  if (seen.wish == HandoverWish::kNothing && wants_shorter_wal(index, seen.now))
    seen.wish = HandoverWish::kTruncate;
  return seen;
}

void Follower::Session::step() {
  look_at_file();
  const WalIndex index = guard.index();
  if (still_at && !may_stand_still(index)) still_at.reset();
  if (still_at) return scan_still(index);
  if (handover->holds_checkpoint_lock() && !guard.checkpoint_locked()) handover->lost_checkpoint_lock();
  capture_now(index, handover->in_gate());
  flush_when_due();
  hold_the_ceiling(index);
  const WalView seen = view(index);
  const HandoverAction action = handover->next(seen, outcome);
  outcome = HandoverOutcome{};
  if (action != HandoverAction::kWait) {
    outcome = perform(action);
    return;
  }
  let_go_of_checkpoint_lock();
  if (scan && !handover->in_gate() && scan_slice()) return;
  publish(index);
  if (may_rest(seen, index)) {
    may_rest_at = index.header.change;
  } else {
    sleep(handover->wait(), index);
  }
}

// False: not everything is captured, for lack of room or because the line is lost (then a scan has begun).
bool Follower::Session::capture_now(const WalIndex& index, bool force) {
  while (true) {
    if (!close_open_segment(force)) return false;
    const auto progress =
        capture.capture(index, part->batch, {.stop_after_commit = segment_open && !scan, .force = force});
    if (progress == FrameCapture::Progress::kComplete) break;
    if (progress == FrameCapture::Progress::kLost) {
      begin_again(index);
      return false;
    }
    if (segment_open && !scan && !part->batch.commits.empty()) continue;
    if (!wait_for_room(force)) return false;
    flush_part(!scan && !part->batch.partial_commit);
  }
  if (capture.saw_zero_salts() && !zero_salts_reported) {
    zero_salts_reported = true;
    warn(
        "frames without salts in the WAL (SQLite 3.40.1 after a spill and ROLLBACK TO): archived; resetting "
        "the WAL");
  }
  return true;
}

// A segment whose parts are on their way ends with the commit that it was opened for: no later one may be in
// it.
bool Follower::Session::close_open_segment(bool force) {
  if (!segment_open || scan || part->batch.commits.empty()) return true;
  if (!wait_for_room(force)) return false;
  flush_part(true);
  return true;
}

// Nobody waits for an archive that takes nothing, where one state is to be archived now.
void Follower::Session::require_taken() {
  if (follower.spool_ == nullptr) return;
  const SpoolStatus status = follower.spool_->status();
  const SteadyTime now = follower.clock_.steady();
  // Between two tries it looks as if there were none: over it is when something arrived.
  if (uploader.archived() != archived_in_trouble) trouble_since.reset();
  archived_in_trouble = uploader.archived();
  if (status.trouble && !trouble_since) trouble_since = now;
  if (status.trouble && now - *trouble_since >= kBackupPatience) throw Error(*status.trouble);
}

// Writers may be waiting for us: a store that is slow or gone must not keep them out.
bool Follower::Session::wait_for_room(bool force) {
  const SteadyTime deadline = follower.clock_.steady() + kForcedPatience;
  while (!uploader.has_room()) {
    uploader.check();
    if (!force || follower.clock_.steady() >= deadline) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

// Recovery dropped frames that were captured: a fork. The whole is compared with the ledger.
void Follower::Session::begin_again(const WalIndex& index) {
  warn(
      "the WAL lost frames that were captured (recovery after a crash): comparing the database with the "
      "archive");
  if (!part->batch.empty() && !part->batch.partial_commit && !scan) flush_part(true);
  if (!segment_open) fork = "recovery took commits that were archived";
  capture.start(index, std::min(index.backfilled, index.header.max_frame), capture.last_txid(),
                capture.last_seen_at());
  begin_scan(std::nullopt);
}

// A quiet database is not polled: its next write wakes us; on READ(0) that write is a restart of the WAL, to
// be seen before anybody checkpoints. A busy one is looked at in steps. A foreign checkpoint that waits for
// our mark writes nothing that would wake us, and inotify is deaf on some file systems: hence the cheap looks
// in between.
void Follower::Session::sleep(milliseconds duration, const WalIndex& index) {
  const bool owes = !part->batch.empty() || capture.position() != index.header.max_frame;
  if (owes) duration = std::min(duration, kQuietLook);
  if (!announced) duration = std::min(duration, kBusyStep);  // somebody waits for the first state
  int wake = -1;
  {
    const std::lock_guard lock(follower.mutex_);
    if (follower.stopping_ || follower.sync_asked_ > follower.sync_answered_) return;
    if (follower.wish_ != HandoverWish::kNothing) duration = std::min(duration, kBusyStep);
    wake = follower.wake_descriptor_locked();
  }
  pollfd waiting[2] = {{wake, POLLIN, 0}, {watch_descriptor(), POLLIN, 0}};
  const bool quiet = duration > kBusyStep || on_read_zero;
  const SteadyTime end = follower.clock_.steady() + duration;
  int events = 0;
  const auto cheap = guard.look(index.header.change);
  do {
    const auto left = std::chrono::ceil<milliseconds>(end - follower.clock_.steady());
    const auto look = std::clamp(left, milliseconds(0), kQuietLook);
    events = ::poll(waiting, quiet ? 2 : 1, static_cast<int>(look.count()));
  } while (events == 0 && follower.clock_.steady() < end && cheap && !cheap->stirs());
  // Before the next look at the WAL, never after it: no write is missed.
  if (quiet && wal_watch) wal_watch->drain();
  follower.wake_->drain();
}

// -1: there are too many instances of inotify already.
int Follower::Session::watch_descriptor() {
  if (wal_watch) return wal_watch->fd();
  RestWatch* const rest = follower.options_.rest;
  if (rest != nullptr) {
    watch_turn = rest->own_instances().try_enter();
    if (!watch_turn) return -1;
  }
  wal_watch.emplace(follower.options_.database + "-wal");
  return wal_watch->fd();
}

// Everything is archived, and it was quiet for a while.
bool Follower::Session::may_rest(const WalView& seen, const WalIndex& index) {
  if (!can_rest || !announced || scan) return false;
  if (seen.now - handover->changed_at() < follower.options_.rest_after || seen.now < no_rest_before)
    return false;
  const bool captured = part->batch.empty() && !segment_open && capture.position() == index.header.max_frame;
  return captured && handover->may_rest(seen) && uploader.idle() && uploader.spooled() == 0 &&
         uploader.archived() >= capture.last_txid();
}

// What is watched without a thread: a write to the WAL, the file's name, the locks of a foreign checkpoint,
// and that somebody asks for something. False: there is something to do. The last thing that this thread does
// here.
bool Follower::Session::lie_down(const std::function<void()>& awake) {
  require_same_file();
  require_untouched_file();  // as it is now: a write to it while we rest is held against that
  guard.rest();
  capture.give_back_memory();
  uploader.give_back_memory();
  part = std::make_unique<SegmentPart>();
  wal_watch.reset();
  watch_turn.give_back();
  const FollowOptions& options = follower.options_;
  const SteadyTime now = follower.clock_.steady();
  // Not all of a process at the same time.
  const auto longest = kShortestRest + std::chrono::minutes(std::hash<std::string>()(options.database) % 60);
  const std::lock_guard lock(follower.mutex_);
  const bool asked = follower.stopping_ || follower.sync_asked_ > follower.sync_answered_ ||
                     follower.wish_ != HandoverWish::kNothing;
  if (asked) return false;
  const auto look = guard.look(*may_rest_at);
  follower.resting_ =
      options.rest->begin({.written = options.database + "-wal",
                           .replaced = options.database,
                           .look = look.value_or(CheapLook{}),
                           .until = std::chrono::steady_clock::now() + longest,
                           .stirs_already = [&] { return !look || guard.has_moved() || is_stamped_anew(); },
                           .awake = awake});
  if (follower.resting_ == 0) {
    no_rest_before = now + kBetweenTriesToRest;
    return false;
  }
  follower.wake_.reset();
  return true;
}

bool Follower::Session::flush_due() const {
  if (part->batch.empty() || part->batch.partial_commit || scan) return false;
  const auto passed = follower.clock_.steady() - last_flush;
  const bool busy = part->batch.versions.bytes() > follower.options_.busy_flush_bytes;
  // What has to wait in the spool anyway comes in few objects: the store is slow, or will be busy.
  const auto spooling = std::min<milliseconds>(uploader.spooled() * kFlushForEachSpooled, kLongestFlush);
  const auto interval = busy ? follower.options_.busy_flush_interval : follower.options_.flush_interval;
  return uploader.idle() && passed >= std::max(interval, spooling);
}

void Follower::Session::flush_when_due() {
  if (flush_due() || (segment_open && !scan && !part->batch.commits.empty() && uploader.has_room()))
    flush_part(true);
}

// Without `seal` the segment stays open: more of its last commit is to come.
void Follower::Session::flush_part(bool seal) {
  if (scan && fork) {
    warn(forked_line(*fork));
    line.fork();
    fork.reset();
  }
  const SegmentHeader header = line.header(seal ? capture.last_txid() : capture.last_txid().next());
  part->header = header;
  part->last = seal;
  part->position = seal ? std::optional(capture.commit_position()) : std::nullopt;
  if (seal) line.sealed(header.last, part->batch.commits);
  uploader.submit(std::move(part));
  part = uploader.take_empty();
  segment_open = !seal;
  last_flush = follower.clock_.steady();
}

void Follower::Session::answer_requests() {
  std::unique_lock lock(follower.mutex_);
  if (follower.sync_asked_ == follower.sync_answered_ || scan) return;
  const std::uint64_t ticket = follower.sync_asked_;
  lock.unlock();
  require_same_file();
  require_untouched_file();
  const bool complete = capture_now(guard.index(), false);
  if (complete && !part->batch.empty() && uploader.has_room()) flush_part(true);
  if (!complete || !part->batch.empty()) return;
  lock.lock();
  follower.sync_answered_ = ticket;
  follower.sync_txid_ = capture.last_txid();
  follower.answered_.notify_all();
}

void Follower::Session::publish(const WalIndex& index) {
  uploader.check();
  counts.longest_wal_frames = std::max(counts.longest_wal_frames, index.header.max_frame.value);
  counts.captured = capture.last_txid();
  counts.capture = capture.counters();
  counts.handover = handover->counters();
  const Txid archived = uploader.archived();
  const std::lock_guard lock(follower.mutex_);
  // The uploader may have told of a later one since: never back.
  counts.archived = std::max(archived, follower.status_.archived);
  // What was archived before we came is told by nobody else: a sync may wait for it.
  const bool news = counts.archived != follower.status_.archived;
  follower.status_ = counts;
  if (news) follower.answered_.notify_all();
}

// False: the store did not take everything in time, or nobody wants to wait for it.
bool Follower::Session::drain() const {
  for (const SteadyTime deadline = follower.clock_.steady() + kStopDrain;;) {
    if (uploader.drain(kDrainStep)) return true;
    if (follower.hurried_ || uploader.is_broken() || uploader.waits_in_spool() ||
        follower.clock_.steady() >= deadline)
      return false;
  }
}

// Archive what is there, let go, leave. In the gate, so that nothing comes between the last look and the
// close (28).
bool Follower::Session::leave() {
  bool in_gate = false;
  if (!scan) {
    for (int tries = 0; tries < (follower.hurried_ ? 1 : kLeaveGateTries) && !in_gate; tries++)
      in_gate = enter_gate().ok;
    const SteadyTime deadline = follower.clock_.steady() + kStopCapture;
    while (!capture_now(guard.index(), true) && !scan && follower.clock_.steady() < deadline &&
           !follower.hurried_) {
      if (std::exchange(in_gate, false)) release_gate();
    }
  }
  const bool give_up_scan = scan.has_value();
  const std::optional<WallTime> known_at = in_gate ? std::optional(follower.clock_.wall()) : std::nullopt;
  // Closing opens the gate at once; the checkpoint of the last one to close may take as long as it does.
  if (in_gate && follower.events_.gate) follower.events_.gate(false);
  guard.close();
  if (follower.events_.database_open) follower.events_.database_open(false);
  if (part->batch.partial_commit)
    part->batch.clear();           // the store took no more in time: the commit stays in the WAL
  if (give_up_scan) return false;  // nothing of it was visible; the next start scans anew
  if (!part->batch.empty()) flush_part(true);
  if (!drain()) {
    warn(fmt::format("the archive did not take the last commits in time: archived up to {}, captured {}",
                     uploader.archived().value, capture.last_txid().value));
  }
  const bool whole = uploader.archived() >= capture.last_txid();
  if (whole && known_at) followed_file.remember(*known_at);
  const std::lock_guard lock(follower.mutex_);
  follower.status_.captured = capture.last_txid();
  follower.status_.archived = uploader.archived();
  return whole;
}

}  // namespace litewright
