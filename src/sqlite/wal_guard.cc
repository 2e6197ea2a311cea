#include "sqlite/wal_guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sqlite3.h>
#include <unistd.h>

#include <thread>

namespace litewright {
namespace {

constexpr int kGateTries = 4000;  // each some microseconds: spinning meets the gap, sleeping does not
constexpr int kTriesBetweenCaptures = 64;
constexpr int kTornReads = 2000;  // before a read of our own recovers the index
constexpr int kRecoveries = 50;

std::unique_ptr<Connection> open_connection(const std::string& path) {
  auto connection = std::make_unique<Connection>(path, ConnectionOptions{});
  // Nothing of ours needs the schema: what this SQLite can't parse is no obstacle (FACTS 32).
  connection->execute("PRAGMA writable_schema=ON");
  connection->execute("PRAGMA wal_autocheckpoint=0");
  connection->execute("PRAGMA mmap_size=0");
  connection->execute("PRAGMA cache_size=-64");
  return connection;
}

int lock_holder(int descriptor, int byte, int bytes = 1) {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = bytes;
  if (fcntl(descriptor, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
  return lock.l_pid > 0 ? lock.l_pid : -1;  // pid 0: held outside our pid namespace (FACTS 6)
}

}  // namespace

WalGuard::WalGuard(const std::string& path) : path_(path) {
  held_ = open_connection(path);
  const std::string mode = held_->query_text("PRAGMA journal_mode");
  if (mode != "wal") {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("{}: journal_mode is {}; only a database in WAL mode can be followed", path, mode),
        fmt::format("sqlite3 '{}' 'PRAGMA journal_mode=WAL'   (once; it stays)", path));
  }
  next_ = open_connection(path);
  gate_ = open_connection(path);
  checkpointer_ = open_connection(path);
  // The one descriptor of our own that FACTS 7 allows.
  index_descriptor_ = ::open((path + "-shm").c_str(), O_RDONLY | O_CLOEXEC);
}

WalGuard::~WalGuard() { close(); }

void WalGuard::close() {
  if (checkpoint_locked_) gate_files_->unlock_checkpoint();
  if (in_gate_) gate_->try_execute("ROLLBACK");
  held_files_.reset();
  next_files_.reset();
  gate_files_.reset();
  held_.reset();
  next_.reset();
  gate_.reset();
  checkpointer_.reset();
  if (index_descriptor_ >= 0) ::close(index_descriptor_);
  index_descriptor_ = -1;
  checkpoint_locked_ = in_gate_ = next_pinned_ = false;
}

std::uint32_t WalGuard::page_size() {
  return static_cast<std::uint32_t>(held_->query_integer("PRAGMA page_size").value_or(4096));
}

// PRAGMA schema_version reads page 1 and parses nothing: a schema from a newer SQLite is no obstacle (FACTS
// 32).
void WalGuard::begin_read(Connection& connection) {
  connection.execute("BEGIN");
  const int rc = connection.try_execute("PRAGMA schema_version");
  if (rc != SQLITE_OK) {
    const Error failure = connection.error(rc, "begin to read");
    connection.try_execute("ROLLBACK");
    throw failure;
  }
}

void WalGuard::pin() {
  begin_read(*held_);
  held_files_ = std::make_unique<LiveFiles>(*held_);
  for (Connection* other : {next_.get(), gate_.get()}) {
    begin_read(*other);
    other->execute("COMMIT");
  }
  next_files_ = std::make_unique<LiveFiles>(*next_);
  gate_files_ = std::make_unique<LiveFiles>(*gate_);
  if (index_descriptor_ < 0) index_descriptor_ = ::open((path_ + "-shm").c_str(), O_RDONLY | O_CLOEXEC);
}

bool WalGuard::take_next() {
  try {
    begin_read(*next_);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kLocked) return false;
    throw;
  }
  next_pinned_ = true;
  return true;
}

void WalGuard::drop_old() {
  held_->execute("COMMIT");
  std::swap(held_, next_);
  std::swap(held_files_, next_files_);
  next_pinned_ = false;
}

void WalGuard::drop_next() {
  next_->execute("COMMIT");
  next_pinned_ = false;
}

WalIndex WalGuard::index() {
  for (int tries = 0; tries < kTornReads; tries++) {
    if (auto index = read_shared_wal_index(held_files_->index_head())) return *index;
    if (tries % 16 == 15) sched_yield();
  }
  return recovered_index();
}

// Recovery, ours or the application's, needs the CKPT lock: kept, it would make both wait for ten seconds.
WalIndex WalGuard::recovered_index() {
  if (checkpoint_locked_) unlock_checkpoint();
  for (int tries = 0; tries < kRecoveries; tries++) {
    if (!next_pinned_ && take_next()) drop_next();
    if (auto index = read_shared_wal_index(held_files_->index_head())) return *index;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  throw Error(ErrorCode::kDamaged, path_ + ": the header of the WAL index stays torn",
              "restart the application that uses it: the next connection rebuilds the index");
}

CheckpointOutcome WalGuard::checkpoint() {
  int frames = -1;
  int copied = -1;
  if (checkpoint_locked_) unlock_checkpoint();
  const int rc = sqlite3_wal_checkpoint_v2(checkpointer_->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                           &frames, &copied);
  CheckpointOutcome outcome;
  outcome.busy = (rc & 0xff) == SQLITE_BUSY;
  if (rc != SQLITE_OK && !outcome.busy) throw checkpointer_->error(rc, "checkpoint");
  if (frames > 0) outcome.frames = static_cast<std::uint32_t>(frames);
  if (copied > 0) outcome.copied = static_cast<std::uint32_t>(copied);
  return outcome;
}

bool WalGuard::try_truncate() {
  if (checkpoint_locked_) unlock_checkpoint();
  checkpointer_->set_busy_handler([](int) { return false; });  // nobody waits for us, so we wait for nobody
  const int rc = sqlite3_wal_checkpoint_v2(checkpointer_->handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                           nullptr, nullptr);
  if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) throw checkpointer_->error(rc, "reset the WAL");
  return rc == SQLITE_OK;
}

// A busy writer leaves the write lock for microseconds only; SQLite's sleeping busy handler never meets the
// gap (FACTS 17).
bool WalGuard::enter_gate(const std::function<void()>& meanwhile) {
  std::exception_ptr failure;  // must not fly through SQLite's frames
  gate_->set_busy_handler([&](int tries) {
    if (tries % kTriesBetweenCaptures != kTriesBetweenCaptures - 1) return tries < kGateTries;
    try {
      meanwhile();
    } catch (...) {
      failure = std::current_exception();
      return false;
    }
    sched_yield();
    return tries < kGateTries;
  });
  const int rc = gate_->try_execute("BEGIN IMMEDIATE");
  gate_->set_busy_handler([](int) { return false; });
  if (failure) std::rethrow_exception(failure);
  if (rc == SQLITE_BUSY) return false;
  if (rc != SQLITE_OK) throw gate_->error(rc, "keep writers out");
  in_gate_ = true;
  return true;
}

void WalGuard::leave_gate() {
  gate_->execute("COMMIT");
  in_gate_ = false;
}

bool WalGuard::lock_checkpoint() {
  checkpoint_locked_ = gate_files_->try_lock_checkpoint();
  return checkpoint_locked_;
}

void WalGuard::unlock_checkpoint() {
  if (!checkpoint_locked_) return;
  gate_files_->unlock_checkpoint();
  checkpoint_locked_ = false;
}

WalLockHolders WalGuard::lock_holders() const {
  if (index_descriptor_ < 0) return {};
  return {lock_holder(index_descriptor_, kWalWriteLockByte),
          lock_holder(index_descriptor_, kWalCheckpointLockByte)};
}

bool WalGuard::stirs(std::uint32_t change) const {
  constexpr std::size_t kChangeWord = 8 / sizeof(std::uint32_t);
  const auto* head = static_cast<const volatile std::uint32_t*>(held_files_->index_head());
  if (head[kChangeWord] != change) return true;
  static_assert(kWalCheckpointLockByte == kWalWriteLockByte + 1);
  return index_descriptor_ < 0 || lock_holder(index_descriptor_, kWalWriteLockByte, 2) != 0;
}

}  // namespace litewright
