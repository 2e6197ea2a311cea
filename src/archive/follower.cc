#include "archive/follower.h"

#include <fmt/format.h>

#include "archive/follower_session.h"

namespace litewright {

using std::chrono::milliseconds;

Follower::Follower(ObjectStore& store, const Clock& clock, FollowOptions options, FollowEvents events,
                   SpoolingStore* spool)
    : store_(store), spool_(spool), clock_(clock), options_(std::move(options)), events_(std::move(events)) {}

Follower::~Follower() = default;

bool Follower::run(Until until) {
  const auto end = [this] {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    answered_.notify_all();
  };
  try {
    Session session(*this, until);
    const bool whole = session.run();
    end();
    return whole;
  } catch (...) {
    end();
    throw;
  }
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
