#include "sqlite/safe_checkpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "base/lock_holder.h"
namespace litewright {
namespace {

using std::chrono::milliseconds;

constexpr int kTornReads = 2000;
constexpr milliseconds kRestartWithin{100};  // as the hand-over has it (FACTS 29)
constexpr milliseconds kProofPatience{2000};
constexpr milliseconds kLook{1};

std::unique_ptr<Connection> open_connection(const std::string& path) {
  auto connection = std::make_unique<Connection>(path, ConnectionOptions{.busy_timeout = milliseconds(0)});
  connection->execute("PRAGMA writable_schema=ON");  // nothing of ours needs the schema (FACTS 32)
  connection->execute("PRAGMA wal_autocheckpoint=0");
  connection->execute("PRAGMA mmap_size=0");
  return connection;
}

// Reads page 1, parses nothing (FACTS 32).
int begin_read(Connection& connection) {
  connection.execute("BEGIN");
  const int rc = connection.try_execute("PRAGMA schema_version");
  if (rc != SQLITE_OK) connection.try_execute("ROLLBACK");
  return rc;
}

bool same_generation(const WalIndexHeader& a, const WalIndexHeader& b) {
  return a.salt[0] == b.salt[0] && a.salt[1] == b.salt[1] && a.max_frame <= b.max_frame;
}

}  // namespace

SafeCheckpoint::SafeCheckpoint(const std::string& path, const Clock& clock, std::function<void(bool)> gate,
                               const CheckpointLimits& limits)
    : clock_(clock), gate_told_(std::move(gate)), limits_(limits) {
  pinning_ = open_connection(path);
  const std::string mode = pinning_->query_text("PRAGMA journal_mode");
  if (mode != "wal") {
    throw Error(ErrorCode::kUsage, fmt::format("{}: journal_mode is {}: it has no WAL", path, mode));
  }
  writing_ = open_connection(path);
  checkpointing_ = open_connection(path);
  // One that has never read does not know of the WAL.
  for (Connection* other : {writing_.get(), checkpointing_.get()}) {
    if (const int rc = begin_read(*other); rc != SQLITE_OK) throw other->error(rc, "begin to read");
    other->execute("COMMIT");
  }
  pin();
  files_ = std::make_unique<LiveFiles>(*pinning_);
  index_descriptor_ = ::open((path + "-shm").c_str(), O_RDONLY | O_CLOEXEC);
  if (index_descriptor_ < 0) throw error_from_errno(errno, "open " + path + "-shm");
  at_pin_ = index().header;
  unpin();
}

SafeCheckpoint::~SafeCheckpoint() {
  files_.reset();
  pinning_.reset();
  writing_.reset();
  checkpointing_.reset();
  if (index_descriptor_ >= 0) ::close(index_descriptor_);
}

WalIndex SafeCheckpoint::index() {
  for (int tries = 0; tries < kTornReads; tries++) {
    if (const auto index = read_shared_wal_index(files_->index_head())) return *index;
    if (tries % 16 == 15) sched_yield();
  }
  throw Error(ErrorCode::kLocked, pinning_->path() + ": the header of the WAL index stays torn", "try again");
}

WalState SafeCheckpoint::state() {
  const WalIndex now = index();
  const std::uint32_t frames = now.header.max_frame.value;
  return {
      .bytes = files_->wal_bytes(), .frames = frames, .backfilled = std::min(now.backfilled.value, frames)};
}

void SafeCheckpoint::pin() {
  const int rc = begin_read(*pinning_);
  if (rc != SQLITE_OK) throw pinning_->error(rc, "begin to read");
  pinned_ = true;
  if (files_) at_pin_ = index().header;
}

// A restart under our mark that was not ours: the mark stays until the CKPT lock was had (FACTS 29). False:
// it could not be had.
bool SafeCheckpoint::unpin() {
  if (!pinned_) return true;
  const bool proven = same_generation(at_pin_, index().header) || had_checkpoint_lock(kProofPatience);
  pinning_->execute("COMMIT");
  pinned_ = false;
  return proven;
}

bool SafeCheckpoint::had_checkpoint_lock(milliseconds patience) {
  const SteadyTime end = clock_.steady() + patience;
  while (!files_->try_lock_checkpoint()) {
    if (clock_.steady() >= end) return false;
    std::this_thread::sleep_for(kLook);
  }
  files_->unlock_checkpoint();
  return true;
}

// PASSIVE: never waits, and copies what no reader forbids.
SafeCheckpoint::Try SafeCheckpoint::copy_back() {
  const WalState before = state();
  if (before.is_whole()) return Try::kDone;
  int frames = 0;
  int copied = 0;
  const int rc = sqlite3_wal_checkpoint_v2(checkpointing_->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                           &frames, &copied);
  if ((rc & 0xff) == SQLITE_BUSY) return Try::kLockHeld;
  if (rc != SQLITE_OK) throw checkpointing_->error(rc, "checkpoint");
  return copied >= static_cast<int>(before.frames) ? Try::kDone : Try::kReaderBefore;
}

SafeCheckpoint::Try SafeCheckpoint::passive() {
  pin();
  const Try outcome = copy_back();
  if (outcome != Try::kDone) {
    unpin();
    return outcome;
  }
  return settle(kProofPatience) ? Try::kDone : Try::kLockHeld;
}

// Somebody's busy writer leaves the lock for microseconds only: hence without sleeping (FACTS 17).
bool SafeCheckpoint::enter_gate() {
  const SteadyTime end = clock_.steady() + limits_.longest_wait_for_lock;
  writing_->set_busy_handler([this, end](int) {
    sched_yield();
    return clock_.steady() < end;
  });
  const int rc = writing_->try_execute("BEGIN IMMEDIATE");
  if (rc == SQLITE_BUSY) return false;
  if (rc != SQLITE_OK) throw writing_->error(rc, "keep writers out");
  return true;
}

// Writers are out for the lifetime of one.
class SafeCheckpoint::Gate {
 public:
  explicit Gate(SafeCheckpoint& owner) : owner_(owner), since_(owner.clock_.steady()) {
    if (owner_.gate_told_) owner_.gate_told_(true);
    entered_ = owner_.enter_gate();
    since_ = owner_.clock_.steady();
  }
  ~Gate() {
    if (entered_) owner_.writing_->try_execute("COMMIT");
    if (entered_) owner_.note_out(since_);
    if (owner_.gate_told_) owner_.gate_told_(false);
  }
  Gate(Gate&&) = delete;
  Gate& operator=(Gate&&) = delete;
  bool entered() const { return entered_; }

 private:
  SafeCheckpoint& owner_;
  SteadyTime since_;
  bool entered_ = false;
};

void SafeCheckpoint::note_out(SteadyTime since) {
  const std::chrono::nanoseconds out = clock_.steady() - since;
  writers_out_ += out;
  longest_out_ = std::max(longest_out_, out);
}

SafeCheckpoint::Try SafeCheckpoint::in_gate(bool and_no_readers) {
  {
    const Gate gate(*this);
    if (!gate.entered()) return Try::kLockHeld;
    if (const Try outcome = copy_back(); outcome != Try::kDone) return outcome;
    if (and_no_readers && lock_holder(index_descriptor_, kWalReadLockByte0 + 1, kWalReadMarks - 1) != 0) {
      return Try::kReaderBefore;
    }
    pin();  // on READ(0): nothing is copied back before it goes
  }
  return settle(kProofPatience) ? Try::kDone : Try::kLockHeld;
}

SafeCheckpoint::Try SafeCheckpoint::full() { return in_gate(false); }
SafeCheckpoint::Try SafeCheckpoint::restart() { return in_gate(true); }

SafeCheckpoint::Try SafeCheckpoint::truncate() {
  const SteadyTime give_up = clock_.steady() + limits_.longest_wait_for_lock;
  std::optional<SteadyTime> have_lock_since;
  bool by_reader = false;
  std::exception_ptr failure;  // must not fly through SQLite's frames
  checkpointing_->set_busy_handler([&](int) {
    const SteadyTime now = clock_.steady();
    by_reader = lock_holder(index_descriptor_, kWalWriteLockByte, 1) == 0;
    if (!by_reader) have_lock_since.reset();
    if (by_reader && !have_lock_since) have_lock_since = now;
    const bool wait = by_reader ? now - *have_lock_since < limits_.longest_wait_for_reader : now < give_up;
    if (wait) {
      sched_yield();
      return true;
    }
    try {
      pin();  // SQLite goes on as PASSIVE where it has no write lock: not without a mark of ours
    } catch (...) {
      failure = std::current_exception();
    }
    return false;
  });
  if (gate_told_) gate_told_(true);
  const SteadyTime began = clock_.steady();
  const int rc = sqlite3_wal_checkpoint_v2(checkpointing_->handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                           nullptr, nullptr);
  if (have_lock_since || rc == SQLITE_OK) note_out(have_lock_since.value_or(began));
  if (gate_told_) gate_told_(false);
  checkpointing_->set_busy_handler([](int) { return false; });
  const bool pinned = pinned_;
  unpin();
  if (failure) std::rethrow_exception(failure);
  if (rc == SQLITE_OK) return Try::kDone;
  if ((rc & 0xff) != SQLITE_BUSY) throw checkpointing_->error(rc, "truncate the WAL");
  return pinned && by_reader ? Try::kReaderBefore : Try::kLockHeld;
}

bool SafeCheckpoint::settle(milliseconds patience) {
  if (!pinned_) pin();
  const SteadyTime end = clock_.steady() + patience;
  bool locked = files_->try_lock_checkpoint();
  while (!locked && clock_.steady() < end) {
    std::this_thread::sleep_for(kLook);
    locked = files_->try_lock_checkpoint();
  }
  if (!locked) {
    unpin();
    return false;
  }
  // Nobody's checkpoint runs now: the mark may go, and the restart that it forbade may come.
  pinning_->execute("COMMIT");
  pinned_ = false;
  const WalIndexHeader before = index().header;
  const SteadyTime until = clock_.steady() + kRestartWithin;
  const bool may_restart = before.max_frame.value > 0;
  while (may_restart && state().is_whole() && same_generation(before, index().header) &&
         clock_.steady() < until) {
    std::this_thread::sleep_for(kLook);
  }
  files_->unlock_checkpoint();
  return true;
}

}  // namespace litewright
