#include <algorithm>
#include <chrono>
#include <future>

#include "archive/follower_session.h"

namespace litewright {

namespace {
constexpr std::chrono::milliseconds kCaptureDuringCheckpoint{3};
constexpr std::uint32_t kGateBacklogBytes = 6 << 20;  // to be captured or copied back inside
}  // namespace

HandoverOutcome Follower::Session::perform(HandoverAction action) {
  switch (action) {
    case HandoverAction::kHandOver:
      return hand_over();
    case HandoverAction::kCheckpoint:
      return checkpoint();
    case HandoverAction::kEnterGate:
      return enter_gate();
    case HandoverAction::kLeaveGate:
      let_go_of_checkpoint_lock();
      release_gate();
      return {};
    case HandoverAction::kLockCheckpoint:
      return {.ok = guard.lock_checkpoint()};
    case HandoverAction::kUnlockCheckpoint:
      guard.unlock_checkpoint();
      return {};
    case HandoverAction::kTruncate:
      require_same_file();
      return {.ok = guard.try_truncate()};
    case HandoverAction::kWait:
      break;
  }
  return {};
}

void Follower::Session::release_gate() {
  guard.leave_gate();
  const std::chrono::duration<double, std::milli> stayed = follower.clock_.steady() - gate_entered;
  counts.longest_gate_ms = std::max(counts.longest_gate_ms, stayed.count());
  if (follower.events_.gate) follower.events_.gate(false);
}

void Follower::Session::let_go_of_checkpoint_lock() {
  if (guard.checkpoint_locked() && !handover->holds_checkpoint_lock()) guard.unlock_checkpoint();
}

HandoverOutcome Follower::Session::hand_over() {
  const std::uint64_t generation = capture.generation();
  if (!guard.take_next()) return {.ok = false};
  const WalIndex index = guard.index();
  // Restarted under our pin by somebody else: this pin may not end before the proof (FACTS 29).
  const bool foreign_restart = !capture.same_generation(index) && !handover->holds_checkpoint_lock();
  // Only in the gate and under the CKPT lock is it worth waiting for the store; else the pin stays where it
  // is.
  const bool captured = capture_now(index, handover->in_gate() || handover->holds_checkpoint_lock());
  if (foreign_restart || !captured ||
      (generation != capture.generation() && !handover->holds_checkpoint_lock())) {
    guard.drop_next();
    return {.ok = false};
  }
  guard.drop_old();
  pins++;
  on_read_zero = index.backfilled >= index.header.max_frame;
  return {.ok = true, .mark = index.header.max_frame.value};
}

// On a thread of its own: it syncs, and meanwhile capture goes on, so that little is left for the gate.
HandoverOutcome Follower::Session::checkpoint() {
  require_same_file();
  std::future<CheckpointOutcome> running =
      std::async(std::launch::async, [this] { return guard.checkpoint(); });
  while (running.wait_for(kCaptureDuringCheckpoint) != std::future_status::ready) {
    capture_now(guard.index(), handover->in_gate());
    flush_when_due();
  }
  const CheckpointOutcome done = running.get();
  return {.ok = !done.busy, .frames = done.frames, .copied = done.copied};
}

std::uint32_t Follower::Session::gate_backlog_frames() const {
  return std::max<std::uint32_t>(kGateBacklogBytes / (page_size + 24), 8);
}

std::uint32_t Follower::Session::uncaptured(const WalIndex& index) const {
  const std::uint32_t captured = capture.same_generation(index) ? capture.position().value : 0;
  return index.header.max_frame.value - std::min(index.header.max_frame.value, captured);
}

HandoverOutcome Follower::Session::enter_gate() {
  gate_entered = follower.clock_.steady();
  if (follower.events_.gate) follower.events_.gate(true);
  const bool entered = guard.enter_gate([this] {
    // Others wait for the write lock too: a checkpoint of theirs may wait for our mark.
    const WalIndex index = guard.index();
    capture_now(index, true);
  });
  if (!entered && follower.events_.gate) follower.events_.gate(false);
  if (!entered) return {.ok = false};
  gate_entered = follower.clock_.steady();
  if (uncaptured(guard.index()) <= gate_backlog_frames()) return {.ok = true};
  // A large commit came while we waited: taken inside, it would keep writers out for as long as that takes.
  release_gate();
  return {.ok = false};
}

}  // namespace litewright
