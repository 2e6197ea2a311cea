#include "sqlite/wal_guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "base/lock_holder.h"
#include "base/shell_words.h"
#include "format/database_header.h"
#include "format/lock_bytes.h"

namespace litewright {
namespace {

constexpr int kGateTries = 4000;  // each some microseconds: spinning meets the gap, sleeping does not
constexpr int kTriesBetweenCaptures = 64;
constexpr int kTornReads = 2000;  // before a read of our own recovers the index
// Then the pin is given up, and commits with it; while the header is torn nobody commits. A writer that is
// stopped where he tore it keeps everybody from recovery until he is killed.
constexpr std::chrono::seconds kRecoveryPatience{3};

std::unique_ptr<Connection> open_connection(const std::string& path) {
  auto connection = std::make_unique<Connection>(path, ConnectionOptions{});
  // Nothing of ours needs the schema: what this SQLite can't parse is no obstacle (FACTS 32). No PRAGMA here
  // reads it either.
  connection->execute("PRAGMA writable_schema=ON");
  connection->execute("PRAGMA mmap_size=0");
  sqlite3_wal_autocheckpoint(connection->handle(), 0);
  return connection;
}

bool is_file(int descriptor, const struct stat& file) {
  struct stat about{};
  return ::fstat(descriptor, &about) == 0 && about.st_ino == file.st_ino && about.st_dev == file.st_dev;
}

// The descriptor that this process has of the file at `path`, opened a moment ago: new ones get the lowest
// free number, so it is looked for from there. -1: not found.
int descriptor_of(const std::string& path) {
  struct stat file{};
  if (::stat(path.c_str(), &file) != 0) return -1;
  const int free = ::fcntl(0, F_DUPFD_CLOEXEC, 0);
  if (free >= 0) ::close(free);
  const int end = static_cast<int>(::sysconf(_SC_OPEN_MAX));
  for (int at = free; at > 2; at--) {
    if (is_file(at, file)) return at;
  }
  for (int at = std::max(free, 3); at < end; at++) {
    if (is_file(at, file)) return at;
  }
  return -1;
}

}  // namespace

WalGuard::WalGuard(const std::string& path) : path_(path) {
  held_.connection = open_connection(path);
  begin_read(*held_.connection);
  std::array<std::byte, kDatabaseHeaderBytes> bytes;
  LiveFiles(*held_.connection, LiveFiles::WalParts::kNone).read_main(0, bytes);
  held_.connection->execute("COMMIT");
  const auto header = parse_database_header(bytes);
  if (header && header->is_wal()) return;
  throw Error(ErrorCode::kUsage,
              fmt::format("{}: journal_mode is not wal; only a database in WAL mode can be followed", path),
              fmt::format("sqlite3 {} 'PRAGMA journal_mode=WAL'   (once; it stays)", shell_quoted(path)));
}

WalGuard::~WalGuard() { close(); }

void WalGuard::close() {
  if (held_.files && has_moved()) {
    for (Side* side : {&held_, &next_, &gate_}) {
      if (side->connection)
        sqlite3_db_config(side->connection->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    }
  }
  if (checkpoint_locked_) gate_.files->unlock_checkpoint();
  if (in_gate_) gate_.connection->try_execute("ROLLBACK");
  for (Side* side : {&held_, &next_, &gate_}) side->files.reset();
  for (Side* side : {&held_, &next_, &gate_}) side->connection.reset();
  if (index_descriptor_is_ours_) ::close(index_descriptor_);
  index_descriptor_ = main_descriptor_ = -1;
  index_descriptor_is_ours_ = checkpoint_locked_ = in_gate_ = next_pinned_ = false;
}

void WalGuard::rest() {
  for (Side* side : {&next_, &gate_}) {
    side->files.reset();
    side->connection.reset();
  }
}

std::uint32_t WalGuard::page_size() {
  return static_cast<std::uint32_t>(held_.connection->query_integer("PRAGMA page_size").value_or(4096));
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
  begin_read(*held_.connection);
  held_.files = std::make_unique<LiveFiles>(*held_.connection);
  find_index_descriptor();
  main_descriptor_ = descriptor_of(path_);
  wal_id_ = file_id(path_ + "-wal");
  index_id_ = file_id(path_ + "-shm");
}

std::optional<WalGuard::FileId> WalGuard::file_id(const std::string& path) {
  struct stat file{};
  if (::stat(path.c_str(), &file) != 0) return std::nullopt;
  return FileId{file.st_dev, file.st_ino};
}

MovedFile WalGuard::moved_file() const {
  if (held_.files->has_moved()) return MovedFile::kDatabase;
  const bool same = file_id(path_ + "-wal") == wal_id_ && file_id(path_ + "-shm") == index_id_;
  return same ? MovedFile::kNone : MovedFile::kWal;
}

void WalGuard::require_unmoved() const {
  if (has_moved())
    throw Error(ErrorCode::kNoDatabase, path_ + ": it, its -wal or its -shm was moved, replaced or deleted");
}

bool WalGuard::is_alone() const {
  return main_descriptor_ >= 0 && lock_holder(main_descriptor_, kSharedLockFirstByte, kSharedLockBytes) == 0;
}

// SQLite has one of -shm for the whole process, as long as a connection is open.
void WalGuard::find_index_descriptor() {
  const std::string index = path_ + "-shm";
  index_descriptor_ = descriptor_of(index);
  index_descriptor_is_ours_ = index_descriptor_ < 0;
  // The one descriptor of our own that FACTS 7 allows.
  if (index_descriptor_is_ours_) index_descriptor_ = ::open(index.c_str(), O_RDONLY | O_CLOEXEC);
}

WalGuard::Side& WalGuard::opened(Side& side) {
  if (side.connection) return side;
  auto connection = open_connection(path_);
  begin_read(*connection);
  connection->execute("COMMIT");
  side.files = std::make_unique<LiveFiles>(*connection);
  side.connection = std::move(connection);
  return side;
}

bool WalGuard::take_next() {
  try {
    begin_read(*opened(next_).connection);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kLocked) return false;
    throw;
  }
  next_pinned_ = true;
  return true;
}

void WalGuard::drop_old() {
  held_.connection->execute("COMMIT");
  std::swap(held_, next_);
  next_pinned_ = false;
}

void WalGuard::drop_next() {
  next_.connection->execute("COMMIT");
  next_pinned_ = false;
}

WalIndex WalGuard::index() {
  for (int tries = 0; tries < kTornReads; tries++) {
    if (auto index = read_shared_wal_index(held_.files->index_head())) return *index;
    if (tries % 16 == 15) sched_yield();
  }
  return recovered_index();
}

// Recovery, ours or the application's, needs the CKPT lock: kept, it would make both wait for ten seconds.
WalIndex WalGuard::recovered_index() {
  if (checkpoint_locked_) unlock_checkpoint();
  const auto end = std::chrono::steady_clock::now() + kRecoveryPatience;
  while (std::chrono::steady_clock::now() < end) {
    read_to_recover();
    if (auto index = read_shared_wal_index(held_.files->index_head())) return *index;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  throw Error(ErrorCode::kDamaged, path_ + ": the header of the WAL index stays torn",
              "restart the application that uses it: the next connection rebuilds the index");
}

// By a connection that is free: next_ may checkpoint on another thread meanwhile, but not while the gate is
// waited for. In the gate nobody writes the header.
void WalGuard::read_to_recover() {
  if (in_gate_ || (waits_for_gate_ && next_pinned_)) return;
  try {
    Connection& reader = *opened(waits_for_gate_ ? next_ : gate_).connection;
    begin_read(reader);
    reader.execute("COMMIT");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLocked) throw;
  }
}

CheckpointOutcome WalGuard::checkpoint() {
  require_unmoved();
  int frames = -1;
  int copied = -1;
  Connection& checkpointer = *opened(next_pinned_ ? gate_ : next_).connection;
  if (checkpoint_locked_) unlock_checkpoint();
  const int rc =
      sqlite3_wal_checkpoint_v2(checkpointer.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);
  CheckpointOutcome outcome;
  outcome.busy = (rc & 0xff) == SQLITE_BUSY;
  if (rc != SQLITE_OK && !outcome.busy) throw checkpointer.error(rc, "checkpoint");
  if (frames > 0) outcome.frames = static_cast<std::uint32_t>(frames);
  if (copied > 0) outcome.copied = static_cast<std::uint32_t>(copied);
  return outcome;
}

bool WalGuard::try_truncate() {
  require_unmoved();
  Connection& checkpointer = *opened(next_).connection;
  if (checkpoint_locked_) unlock_checkpoint();
  checkpointer.set_busy_timeout(std::chrono::milliseconds(0));  // nobody waits for us, so we wait for nobody
  const int rc =
      sqlite3_wal_checkpoint_v2(checkpointer.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  checkpointer.set_busy_timeout(ConnectionOptions{}.busy_timeout);
  if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) throw checkpointer.error(rc, "reset the WAL");
  return rc == SQLITE_OK;
}

// Null: somebody recovers the index for longer than a reader waits.
Connection* WalGuard::gate_connection() {
  try {
    return opened(gate_).connection.get();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLocked) throw;
    return nullptr;
  }
}

// A busy writer leaves the write lock for microseconds only; SQLite's sleeping busy handler never meets the
// gap (FACTS 17).
bool WalGuard::enter_gate(const std::function<void()>& meanwhile) {
  Connection* const gate = gate_connection();
  if (gate == nullptr) return false;
  std::exception_ptr failure;  // must not fly through SQLite's frames
  gate->set_busy_handler([&](int tries) {
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
  waits_for_gate_ = true;
  const int rc = gate->try_execute("BEGIN IMMEDIATE");
  waits_for_gate_ = false;
  gate->set_busy_handler([](int) { return false; });
  if (failure) std::rethrow_exception(failure);
  if (rc == SQLITE_BUSY) return false;
  if (rc != SQLITE_OK) throw gate->error(rc, "keep writers out");
  in_gate_ = true;
  return true;
}

void WalGuard::leave_gate() {
  gate_.connection->execute("COMMIT");
  in_gate_ = false;
}

bool WalGuard::lock_checkpoint() {
  checkpoint_locked_ = gate_connection() != nullptr && gate_.files->try_lock_checkpoint();
  return checkpoint_locked_;
}

void WalGuard::unlock_checkpoint() {
  if (!checkpoint_locked_) return;
  gate_.files->unlock_checkpoint();
  checkpoint_locked_ = false;
}

WalLockHolders WalGuard::lock_holders() const {
  if (index_descriptor_ < 0) return {};
  return {lock_holder(index_descriptor_, kWalWriteLockByte, 1),
          lock_holder(index_descriptor_, kWalCheckpointLockByte, 1)};
}

std::optional<CheapLook> WalGuard::look(std::uint32_t change) const {
  if (index_descriptor_ < 0) return std::nullopt;
  constexpr std::size_t kChangeWord = 8 / sizeof(std::uint32_t);
  static_assert(kWalCheckpointLockByte == kWalWriteLockByte + 1);
  return CheapLook{
      .word = static_cast<const volatile std::uint32_t*>(held_.files->index_head()) + kChangeWord,
      .value = change,
      .descriptor = index_descriptor_,
      .first_byte = kWalWriteLockByte,
      .bytes = 2};
}

}  // namespace litewright
