#include "archive/follower.h"

#include <fmt/format.h>

#include <array>

#include "archive/comparison.h"
#include "archive/follower_session.h"

namespace litewright {

using std::chrono::milliseconds;

Follower::Follower(ObjectStore& store, const Clock& clock, FollowOptions options, FollowEvents events,
                   SpoolingStore* spool)
    : store_(store), spool_(spool), clock_(clock), options_(std::move(options)), events_(std::move(events)) {}

Follower::~Follower() = default;

bool Follower::run(Until until) {
  const auto end = [this] {
    if (events_.database_open) events_.database_open(false);
    const std::lock_guard lock(mutex_);
    ended_ = true;
    answered_.notify_all();
  };
  try {
    if (events_.database_open) events_.database_open(true);
    const bool whole = stay(until);
    end();
    return whole;
  } catch (...) {
    end();
    throw;
  }
}

void Follower::hurry() {
  hurried_ = true;
  stop();
}

// The journal mode decides how the database is followed, and may change while it is compared. A WAL database
// with a hot journal (the mode was changing when a crash came) is left to the application too (FACTS 18).
bool Follower::stay(Until until) {
  while (true) {
    bool compare = false;
    {
      RollbackGuard guard(options_.database);
      std::array<std::byte, kDatabaseHeaderBytes> bytes;
      guard.read_main(0, bytes);
      const auto header = parse_database_header(bytes);
      compare = !header || !header->is_wal() || guard.enter() == RollbackGuard::Entry::kHotJournal;
    }
    if (!compare) return Session(*this, until).run();
    const Comparison::End end = Comparison(*this, until).run();
    if (end != Comparison::End::kAnother) return end == Comparison::End::kWhole;
  }
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
  wake_.signal();
}

Txid Follower::wait_for_capture(milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = ++sync_asked_;
  wake_.signal();
  const bool answered = answered_.wait_for(lock, timeout, [&] { return sync_answered_ >= ticket || ended_; });
  if (ended_) throw Error(ErrorCode::kLocked, "the archiver stopped meanwhile", "litewright protect DB");
  if (!answered) {
    throw Error(
        ErrorCode::kStoreUnreachable, fmt::format("not archived within {} ms", timeout.count()),
        "the first snapshot may still be running, or the archive's disk is slow: try a longer --timeout");
  }
  return sync_txid_;
}

Txid Follower::sync(milliseconds timeout) {
  const SteadyTime deadline = clock_.steady() + timeout;
  const Txid txid = wait_for_capture(timeout);
  while (true) {
    std::unique_lock lock(mutex_);
    if (ended_ && status_.archived < txid) throw Error(ErrorCode::kLocked, "the archiver stopped meanwhile");
    if (status_.archived >= txid) return txid;
    if (clock_.steady() >= deadline) {
      throw Error(
          ErrorCode::kStoreUnreachable,
          fmt::format("commit {} is captured but not archived within {} ms", txid.value, timeout.count()),
          "is the archive's disk full or slow? litewright log DB");
    }
    answered_.wait_until(lock, deadline);
  }
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
