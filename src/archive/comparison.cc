#include "archive/comparison.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <thread>

#include "archive/fork_evidence.h"
#include "sqlite/hot_journal.h"

namespace litewright {

using Entry = RollbackGuard::Entry;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kInterval{1'000};  // without an event: is the change counter another one?
constexpr milliseconds kLeastPause{50};   // between two comparisons
constexpr int kPauseFactor = 10;
constexpr milliseconds kHold{25};         // a writer waits for so long at most,
constexpr milliseconds kPatience{2'000};  // ... unless writers would let no comparison through
constexpr milliseconds kBusyRetry{2}, kHindranceRetry{100};
constexpr milliseconds kWarnBusyAfter{5'000}, kWarnAfter{500};
constexpr milliseconds kStopCompare{5'000}, kStopDrain{30'000}, kDrainStep{100};
constexpr std::size_t kPartBytes = 4 << 20;

std::uint32_t page_size_of(const RollbackGuard& guard, const std::string& database) {
  std::array<std::byte, kDatabaseHeaderBytes> bytes;
  guard.read_main(0, bytes);
  if (const auto header = parse_database_header(bytes)) return header->page_size;
  throw Error(ErrorCode::kDamaged, database + " has no database header now",
              "was it emptied or replaced? litewright log DB shows what can be restored");
}

}  // namespace

Follower::Comparison::Comparison(Follower& follower, Until until)
    : follower_(follower),
      until_(until),
      guard_(follower.options_.database),
      watch_(follower.options_.database),
      page_size_(page_size_of(guard_, follower.options_.database)),
      catalogue_(Catalogue::load(follower.store_)),
      ledger_(LedgerOptions{.folder = follower.options_.state_folder, .page_size = page_size_}),
      line_(follower.store_, catalogue_, page_size_, follower.options_.fence, ledger_,
            follower.options_.anew ? LineEnd::Begin::kAnew : LineEnd::Begin::kWhereItEnds),
      followed_file_(follower.options_.state_folder, follower.store_.describe(), follower.options_.database),
      uploader_(follower.store_, line_.last(),
                SegmentUploader::Events{
                    [this](Txid txid, std::uint64_t bytes) { follower_.note_stored(txid, bytes); },
                    [this](const Error& error) {
                      follower_.warn(fmt::format("archive: {}; trying again", error.what()));
                    }}),
      part_(uploader_.take_empty()),
      last_txid_(line_.last()),
      last_seen_at_(line_.last_seen_at()) {
  followed_file_.look();
  compared_at_ = std::max(last_seen_at_, std::min(followed_file_.known_at(), follower.clock_.wall()));
  if (const auto finding = damaged_line_finding(line_, follower.options_.database)) follower.tell(*finding);
  if (!line_.newest()) return;
  if (line_.goes_on()) archived_ = Archived{line_.newest()->page_count, line_.newest()->checksum};
  archived_counter_ = archived_change_counter(follower.store_, catalogue_);
}

Follower::Comparison::End Follower::Comparison::run() {
  while (!stop_asked()) {
    step();
    if (another_) return End::kAnother;
    answer();
    if (announced_ && until_ == Until::kArchived) break;
    sleep();
  }
  return leave();
}

void Follower::Comparison::step() {
  uploader_.check();
  if (guard_.has_moved()) {
    guard_.leave();
    catch_up(now() + kStopCompare);  // what was committed to the old file
    throw Error(
        ErrorCode::kNoDatabase,
        fmt::format("{} was moved, replaced or deleted while it was followed", follower_.options_.database),
        "a restart of the application may be due: it has the old file open as well");
  }
  if (commit_is_pending()) return flush_commit();
  if (look_is_due() && now() >= retry_at_) compare();
}

bool Follower::Comparison::look_is_due() {
  if (scan_ || !compared_) return true;
  {
    const std::lock_guard lock(follower_.mutex_);
    if (follower_.sync_asked_ > answered_) return true;
  }
  if (!touched_ && now() >= interval_at_) {
    interval_at_ = now() + kInterval;
    const auto header = read_header();
    touched_ = !header || header->change_counter != compared_->change_counter ||
               guard_.main_bytes() != compared_->bytes;
  }
  return touched_ && now() >= not_before_;
}

// Read without a lock it may be torn: it tells that there is a change, never what it is.
std::optional<DatabaseHeader> Follower::Comparison::read_header() const {
  std::array<std::byte, kDatabaseHeaderBytes> bytes;
  guard_.read_main(0, bytes);
  const auto header = parse_database_header(bytes);
  return header ? std::optional(*header) : std::nullopt;
}

void Follower::Comparison::note_writes() {
  if (watch_.drain()) touched_ = true;
}

void Follower::Comparison::compare() {
  const Entry entry = guard_.enter();
  if (entry != Entry::kEntered) return hindered(entry);
  hindered_since_.reset();
  warned_ = false;
  note_writes();
  const auto header = read_header();
  if (!header) page_size_of(guard_, follower_.options_.database);  // says so
  another_ = header->is_wal() || header->page_size != page_size_;
  if (another_) return guard_.leave();
  const bool same = compared_ && compared_->change_counter == header->change_counter &&
                    compared_->bytes == guard_.main_bytes();
  if (!scan_ && !touched_ && same) {
    complete();
  } else {
    if (!scan_ || header->change_counter != pass_counter_) begin_pass(*header);
    if (continue_pass()) end_pass();
  }
  guard_.leave();
  if (commit_is_pending()) flush_commit();
}

// What an interrupted pass found stays in the ledger and in the segment: of two versions of a page the later
// one counts.
void Follower::Comparison::begin_pass(const DatabaseHeader& header) {
  if (!scan_) work_began_ = now();
  if (!compared_) look_for_fork();
  pass_counter_ = header.change_counter;
  touched_ = false;
  scan_.emplace(guard_, ledger_, nullptr, page_size_);
}

void Follower::Comparison::look_for_fork() {
  std::vector<std::byte> first(page_size_);
  guard_.read_main(0, first);
  if (line_.newest() && followed_file_.was_replaced()) {
    fork_ = kReplacedFile;
  } else if (line_.other_page_size() || page_checksum(PageNumber(1), first) != ledger_.get(PageNumber(1))) {
    fork_ = counter_went_back(archived_counter_, first);
  }
}

// False: interrupted, to be continued.
bool Follower::Comparison::continue_pass() {
  const std::uint64_t pages = guard_.main_bytes() / page_size_;
  const SteadyTime entered = now();
  part_->batch.partial_commit = true;
  while (scan_->step(last_txid_.next(), part_->batch)) {
    if (part_->batch.versions.bytes() >= kPartBytes && uploader_.has_room()) flush(false);
    const bool full = part_->batch.versions.bytes() >= kPartBytes;
    const bool give_way = now() - entered >= kHold && now() - work_began_ < kPatience;
    if (full || (give_way && guard_.writer_is_near())) {
      retry_at_ = now() + kBusyRetry;
      return false;
    }
    if (follower_.events_.scanning) follower_.events_.scanning(scan_->pages_done(), pages);
  }
  return true;
}

void Follower::Comparison::end_pass() {
  scan_.reset();
  const Compared now_compared{pass_counter_, guard_.main_bytes()};
  const auto page_count = static_cast<std::uint32_t>(now_compared.bytes / page_size_);
  ledger_.resize(page_count);
  const Archived found{page_count, ledger_.sum()};
  CaptureBatch& batch = part_->batch;
  batch.partial_commit = false;
  const bool one_commit = compared_ && compared_->change_counter + 1 == pass_counter_;
  if (segment_open_ || !batch.versions.empty() || archived_ != found) {
    ++last_txid_;
    last_seen_at_ = std::max(follower_.clock_.wall(), last_seen_at_);
    const bool reconciled = last_txid_.value > 1 && !one_commit;
    batch.commits.push_back({last_txid_, last_seen_at_, page_count, found.checksum, reconciled,
                             reconciled ? compared_at_ : WallTime{}});
    gap_ = reconciled;
    archived_ = found;
  }
  compared_ = now_compared;
  not_before_ = now() + std::max<SteadyTime::duration>(kLeastPause, (now() - work_began_) * kPauseFactor);
  complete();
}

// Under SHARED: all that was committed up to this moment is archived or on its way.
void Follower::Comparison::complete() {
  passes_++;
  interval_at_ = now() + kInterval;
  compared_at_ = std::max(follower_.clock_.wall(), last_seen_at_);
  const std::lock_guard lock(follower_.mutex_);
  answered_ = follower_.sync_asked_;
}

std::string Follower::Comparison::describe(Entry by) const {
  switch (by) {
    case Entry::kHotJournal:
      return hot_journal_error(follower_.options_.database).what();
    case Entry::kWal:
      return fmt::format("{0}-wal lies beside {0}, which is not in WAL mode", follower_.options_.database);
    default:
      return fmt::format("{} is locked by a writer", follower_.options_.database);
  }
}

void Follower::Comparison::hindered(Entry by) {
  const bool busy = by == Entry::kBusy;
  if (!hindered_since_) hindered_since_ = now();
  retry_at_ = now() + (busy ? kBusyRetry : kHindranceRetry);
  if (now() - *hindered_since_ < (busy ? kWarnBusyAfter : kWarnAfter)) return;
  if (until_ == Until::kArchived) {
    if (by == Entry::kHotJournal) throw hot_journal_error(follower_.options_.database);
    throw Error(ErrorCode::kLocked, describe(by),
                busy ? "try again; who holds it: litewright locks DB"
                     : "start the application, or open it once: sqlite3 FILE 'PRAGMA schema_version'");
  }
  if (!warned_) follower_.warn(describe(by) + ": nothing new is archived until then");
  warned_ = true;
}

bool Follower::Comparison::commit_is_pending() const { return !part_->batch.commits.empty(); }

void Follower::Comparison::flush_commit() {
  if (uploader_.has_room()) {
    flush(true);
  } else {
    retry_at_ = now() + kBusyRetry;
  }
}

// Without `seal` the segment stays open: more of its commit is to come.
void Follower::Comparison::flush(bool seal) {
  if (fork_) {
    follower_.warn(forked_line(*fork_));
    line_.fork();
  }
  fork_.reset();
  part_->header = line_.header(seal ? last_txid_ : last_txid_.next());
  part_->last = seal;
  part_->position.reset();
  if (seal) line_.sealed(part_->header.last, part_->batch.commits);
  uploader_.submit(std::move(part_));
  part_ = uploader_.take_empty();
  segment_open_ = !seal;
}

void Follower::Comparison::answer() {
  const Txid archived = uploader_.archived();
  if (!announced_ && passes_ > 0 && !commit_is_pending() && !segment_open_ && archived >= last_txid_)
    announce();
  const std::lock_guard lock(follower_.mutex_);
  FollowStatus& status = follower_.status_;
  const bool news = status.archived < archived || follower_.sync_answered_ != answered_;
  status.captured = last_txid_;
  status.archived = std::max(status.archived, archived);
  status.scans = passes_;
  follower_.sync_answered_ = answered_;
  follower_.sync_txid_ = last_txid_;
  if (news) follower_.answered_.notify_all();
}

void Follower::Comparison::announce() {
  announced_ = true;
  if (const auto finding = mended_line_finding(line_, follower_.options_.database)) follower_.tell(*finding);
  fork_.reset();  // nothing differed
  followed_file_.remember(compared_at_);
  if (follower_.events_.following) follower_.events_.following(last_txid_, gap_);
}

bool Follower::Comparison::stop_asked() const {
  const std::lock_guard lock(follower_.mutex_);
  return follower_.stopping_;
}

// Writes wake us only where none is known of yet.
void Follower::Comparison::sleep() {
  int wake = -1;
  {
    const std::lock_guard lock(follower_.mutex_);
    if (follower_.stopping_ || (follower_.sync_asked_ > answered_ && now() >= retry_at_)) return;
    wake = follower_.wake_descriptor_locked();
  }
  SteadyTime until = now() + kInterval;
  const bool asked = scan_ || hindered_since_ || commit_is_pending() || !compared_;
  if (asked) until = retry_at_;
  if (!asked && touched_) until = not_before_;
  if (!announced_) until = std::min(until, now() + kBusyRetry);
  pollfd waiting[2] = {{wake, POLLIN, 0}, {watch_.fd(), POLLIN, 0}};
  const auto left = std::chrono::ceil<milliseconds>(until - now()).count();
  ::poll(waiting, asked || touched_ ? 1 : 2, static_cast<int>(std::max<std::int64_t>(left, 0)));
  note_writes();
  follower_.wake_->drain();
}

// True when a whole comparison began after the call and what it found is on its way.
bool Follower::Comparison::catch_up(SteadyTime deadline) {
  const std::uint64_t before = passes_;
  while (now() < deadline) {
    if (commit_is_pending()) {
      flush_commit();
    } else if (passes_ > before) {
      return true;
    } else {
      compare();
    }
    if (another_) return false;
    std::this_thread::sleep_for(kBusyRetry);
  }
  return false;
}

Follower::Comparison::End Follower::Comparison::leave() {
  const bool caught_up = catch_up(now() + kStopCompare);
  guard_.leave();
  const SteadyTime deadline = now() + kStopDrain;
  bool stored = false;
  while (!stored && !follower_.hurried_ && now() < deadline) stored = uploader_.drain(kDrainStep);
  const bool whole = caught_up && stored && uploader_.archived() >= last_txid_;
  if (whole) followed_file_.remember(compared_at_);
  const std::lock_guard lock(follower_.mutex_);
  follower_.status_.captured = last_txid_;
  follower_.status_.archived = std::max(follower_.status_.archived, uploader_.archived());
  return whole ? End::kWhole : End::kNotWhole;
}

}  // namespace litewright
