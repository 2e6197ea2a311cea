#include "archive/follower.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "archive/comparison.h"
#include "archive/follower_session.h"
#include "base/time_text.h"

namespace litewright {

using std::chrono::milliseconds;

namespace {
constexpr milliseconds kAskWhetherHopeless{250};
}

Follower::Follower(ObjectStore& store, const Clock& clock, FollowOptions options, FollowEvents events,
                   SpoolingStore* spool)
    : store_(store), spool_(spool), clock_(clock), options_(std::move(options)), events_(std::move(events)) {}

Follower::~Follower() { end_rest(); }

void Follower::end_rest() {
  RestWatch::Id resting = 0;
  {
    const std::lock_guard lock(mutex_);
    resting = std::exchange(resting_, 0);
  }
  if (resting != 0) options_.rest->forget(resting);
}

bool Follower::run(Until until) { return go_on(until, nullptr).value_or(false); }

std::optional<bool> Follower::go_on(Until until, const std::function<void()>& awake) {
  end_rest();
  try {
    if (!session_ && events_.database_open) events_.database_open(true);
    const std::optional<bool> whole = stay(until, awake);
    if (whole) leave_off();
    return whole;
  } catch (...) {
    leave_off();
    throw;
  }
}

// The uploader may be in the middle of a put that hangs: that is waited for last.
void Follower::leave_off() {
  if (session_) session_->close();
  if (events_.database_open) events_.database_open(false);
  {
    const std::lock_guard lock(mutex_);
    let_go_ = true;
  }
  session_.reset();
  abandon();
}

void Follower::abandon() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  answered_.notify_all();
}

void Follower::hurry() {
  hurried_ = true;
  stop();
}

bool Follower::has_let_go() const {
  const std::lock_guard lock(mutex_);
  return let_go_;
}

// The journal mode decides how the database is followed, and may change while it is compared. A WAL database
// with a hot journal (the mode was changing when a crash came) is left to the application too (FACTS 18).
std::optional<bool> Follower::stay(Until until, const std::function<void()>& awake) {
  while (!session_) {
    bool compare = false;
    {
      RollbackGuard guard(options_.database);
      std::array<std::byte, kDatabaseHeaderBytes> bytes;
      guard.read_main(0, bytes);
      const auto header = parse_database_header(bytes);
      compare = !header || !header->is_wal() || guard.enter() == RollbackGuard::Entry::kHotJournal;
    }
    if (!compare) {
      session_ = std::make_unique<Session>(*this, until);
      session_->attach();
    } else if (const Comparison::End end = Comparison(*this, until).run(); end != Comparison::End::kAnother) {
      return end == Comparison::End::kWhole;
    }
  }
  return session_->go_on(awake);
}

void Follower::warn(const std::string& text) const {
  if (events_.warning) events_.warning(text);
}

void Follower::tell(const Finding& finding) const {
  if (events_.finding) events_.finding(finding);
}

void Follower::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  poke_locked();
}

// Who is not asleep yet looks for what is asked before he sleeps.
void Follower::poke_locked() {
  if (resting_ != 0) {
    options_.rest->wake(resting_);
  } else if (wake_) {
    wake_->signal();
  }
}

int Follower::wake_descriptor_locked() {
  if (!wake_) wake_.emplace();
  return wake_->fd();
}

// Until it holds, under the lock; false: the time is up.
bool Follower::wait_answered(std::unique_lock<std::mutex>& lock, const SyncPatience& patience,
                             const std::function<bool()>& holds) {
  while (!holds()) {
    const SteadyTime now = clock_.steady();
    if (now >= patience.deadline) return false;
    answered_.wait_until(lock, std::min(patience.deadline, now + kAskWhetherHopeless));
    if (!patience.hopeless) continue;
    lock.unlock();
    const bool hopeless = patience.hopeless();
    lock.lock();
    if (hopeless) return holds();
  }
  return true;
}

Txid Follower::wait_for_capture(const SyncPatience& patience) {
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = ++sync_asked_;
  poke_locked();
  const bool answered = wait_answered(lock, patience, [&] { return sync_answered_ >= ticket || ended_; });
  if (ended_) throw Error(ErrorCode::kLocked, "the archiver stopped meanwhile", "litewright protect DB");
  if (!answered) {
    throw Error(
        ErrorCode::kStoreUnreachable,
        fmt::format("not archived within {}", format_duration(clock_.steady() - patience.began)),
        "the first snapshot may still be running, or the archive's disk is slow: try a longer --timeout");
  }
  return sync_txid_;
}

Txid Follower::sync(milliseconds timeout, const std::function<bool()>& hopeless) {
  const SteadyTime began = clock_.steady();
  const SyncPatience patience{.began = began, .deadline = began + timeout, .hopeless = hopeless};
  const Txid txid = wait_for_capture(patience);
  std::unique_lock lock(mutex_);
  const bool known = wait_answered(lock, patience, [&] { return ended_ || status_.archived >= txid; });
  if (status_.archived >= txid) return txid;
  if (known) throw Error(ErrorCode::kLocked, "the archiver stopped meanwhile");
  throw Error(ErrorCode::kStoreUnreachable,
              fmt::format("commit {} is captured but not archived within {}", txid.value,
                          format_duration(clock_.steady() - patience.began)),
              "is the archive's disk full or slow? litewright log DB");
}

void Follower::note_stored(Txid txid, std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    status_.archived = txid;
    answered_.notify_all();
  }
  if (events_.stored) events_.stored(txid, bytes);
}

FollowStatus Follower::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace litewright
