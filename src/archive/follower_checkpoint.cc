// A checkpoint that a command asks the follower for: what was wished for, when it counts as done, and the
// wait for it.
#include <algorithm>

#include "archive/follower_session.h"

namespace litewright {

FollowedCheckpoint Follower::checkpoint(HandoverWish wish, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (wish_ != HandoverWish::kNothing) {
    throw Error(ErrorCode::kLocked, "another checkpoint is waited for", "try again");
  }
  wish_ = wish;
  granted_.reset();
  poke_locked();
  answered_.wait_for(lock, timeout, [this] { return (granted_ && granted_->complete) || ended_; });
  wish_ = HandoverWish::kNothing;
  if (ended_) throw Error(ErrorCode::kLocked, "the archiver stopped meanwhile", "litewright protect DB");
  return granted_.value_or(FollowedCheckpoint{});
}

HandoverWish Follower::Session::wish() const {
  const std::lock_guard lock(follower.mutex_);
  return follower.wish_;
}

void Follower::Session::grant_wish() {
  const HandoverWish wished = wish();
  if (wished == HandoverWish::kNothing) {
    at_wish.reset();
    return;
  }
  const WalIndex index = guard.index();
  const std::uint32_t frames = index.header.max_frame.value;
  const FollowedCheckpoint::Wal now{guard.wal_bytes(), frames, std::min(index.backfilled.value, frames)};
  const Handover::Counters counters = handover->counters();
  if (!at_wish) at_wish = counters;
  const bool whole = now.backfilled >= now.frames;
  bool done = false;
  switch (wished) {
    case HandoverWish::kBackfill:
      done = whole || counters.backfills > at_wish->backfills;
      break;
    case HandoverWish::kGate:  // nothing in the WAL: nothing to begin anew
      done = now.frames == 0 || handover->rests(view(index)) ||
             counters.gates_succeeded > at_wish->gates_succeeded;
      break;
    case HandoverWish::kTruncate:
      done = now.bytes == 0 || counters.truncations > at_wish->truncations;
      break;
    case HandoverWish::kNothing:
      break;
  }
  const std::lock_guard lock(follower.mutex_);
  if (!follower.granted_) follower.granted_.emplace().before = now;
  follower.granted_->after = now;
  follower.granted_->longest_gate_ms = counts.longest_gate_ms;
  if (!done) return;
  follower.granted_->complete = true;
  follower.answered_.notify_all();
}

}  // namespace litewright
