#include "archive/handover.h"

#include <algorithm>

namespace litewright {

using std::chrono::milliseconds;

Handover::Handover(const HandoverOptions& options, const WalView& at_pin)
    : options_(options),
      generation_(at_pin.generation),
      mark_generation_(at_pin.generation),
      mark_(at_pin.max_frame),
      last_change_(at_pin.change),
      changed_at_(at_pin.now) {}

HandoverAction Handover::go(Step step, HandoverAction action) {
  step_ = step;
  return action;
}

// A restart under the CKPT lock is the one we asked for; any other needs proof before a pin may end (FACTS
// 29).
void Handover::note_restart(const WalView& seen) {
  if (seen.generation == generation_) return;
  generation_ = seen.generation;
  if (holding_) {
    restarted_in_hold_ = true;
  } else {
    proof_owed_ = true;
  }
}

void Handover::note_pin(const WalView& seen, const HandoverOutcome& last) {
  if (!last.ok) return;
  mark_ = last.mark;
  mark_generation_ = seen.generation;
}

HandoverAction Handover::next(const WalView& seen, const HandoverOutcome& last) {
  note_restart(seen);
  if (proof_owed_ && seen.checkpoint_free) {
    proof_owed_ = false;
    counters_.proofs++;
  }
  if (proof_owed_ && !holding_ && abandon_for_proof(last)) return leave_for_proof(seen);
  switch (step_) {
    case Step::kIdle:
      return holding_ ? held(seen) : idle(seen);
    case Step::kYield:
      alert_until_ = seen.now + options_.alert;
      note_pin(seen, last);
      return pause(seen);
    case Step::kRefreshPin:
      note_pin(seen, last);
      return pause(seen);
    case Step::kBackfillPin:
      note_pin(seen, last);
      if (!last.ok) return pause(seen);
      return go(Step::kBackfillCheckpoint, HandoverAction::kCheckpoint);
    case Step::kBackfillCheckpoint:
      if (last.ok) counters_.backfills++;
      return pause(seen);
    case Step::kApproachLock:
      if (last.ok) return go(Step::kApproachPin, HandoverAction::kHandOver);
      return lock_tries_ < options_.lock_tries ? lock_again(Step::kApproachLockWait) : give_up(seen);
    case Step::kApproachLockWait:
      return go(Step::kApproachLock, HandoverAction::kLockCheckpoint);
    case Step::kApproachPin:
      note_pin(seen, last);
      if (!last.ok) return give_up(seen);
      return go(Step::kApproachCheckpoint, HandoverAction::kCheckpoint);
    case Step::kApproachCheckpoint:
      return after_approach(seen, last);
    case Step::kEntering:
      if (!last.ok) return give_up(seen);
      in_gate_ = true;
      gate_succeeded_ = false;
      counters_.gates++;
      lock_tries_ = 0;
      return go(Step::kGateFirstLock, HandoverAction::kLockCheckpoint);
    case Step::kHeldPin:
      note_pin(seen, last);
      if (!last.ok) return pause(seen);
      holding_ = false;
      return go(Step::kHeldUnlock, HandoverAction::kUnlockCheckpoint);
    case Step::kHeldUnlock:
      return pause(seen);
    case Step::kTruncating:
      if (!last.ok) return give_up(seen);
      counters_.truncations++;
      return pause(seen);
    default:
      return in_gate_step(seen, last);
  }
}

void Handover::lost_checkpoint_lock() {
  holding_ = false;
  proof_owed_ = true;
}

// Found by the model in handover_test: a restart that was not ours, in the middle of an approach. Whatever
// was under way would end a pin without the proof.
bool Handover::abandon_for_proof(const HandoverOutcome& last) {
  if (step_ == Step::kEntering && last.ok) in_gate_ = true;
  const bool under_way = step_ != Step::kIdle && step_ != Step::kGateLeaving;
  return under_way;
}

HandoverAction Handover::leave_for_proof(const WalView& seen) {
  gate_succeeded_ = false;
  if (in_gate_) return go(Step::kGateLeaving, HandoverAction::kLeaveGate);
  return pause(seen);
}

// Writers run while most of the WAL is copied back; the gate is for the last few frames alone.
HandoverAction Handover::after_approach(const WalView& seen, const HandoverOutcome& last) {
  rounds_++;
  const std::uint32_t left = seen.max_frame - std::min(seen.max_frame, seen.backfilled);
  if (!last.ok && left > options_.gate_backlog_frames) return give_up(seen);
  const bool few = left <= options_.gate_backlog_frames / (rounds_ < options_.patient_rounds ? 4 : 1);
  if (few) return go(Step::kEntering, HandoverAction::kEnterGate);
  if (rounds_ >= options_.approach_rounds) return give_up(seen);
  lock_tries_ = 0;
  return go(Step::kApproachLock, HandoverAction::kLockCheckpoint);
}

HandoverAction Handover::lock_again(Step wait_step) {
  lock_tries_++;
  wait_ = milliseconds(1);
  return go(wait_step, HandoverAction::kWait);
}

HandoverAction Handover::in_gate_step(const WalView& seen, const HandoverOutcome& last) {
  const auto leave = [this] { return go(Step::kGateLeaving, HandoverAction::kLeaveGate); };
  switch (step_) {
    case Step::kGateFirstLock:
      if (last.ok) return go(Step::kGatePin, HandoverAction::kHandOver);
      return lock_tries_ < options_.lock_tries ? lock_again(Step::kGateFirstLockWait) : leave();
    case Step::kGateFirstLockWait:
      return go(Step::kGateFirstLock, HandoverAction::kLockCheckpoint);
    case Step::kGatePin:
      note_pin(seen, last);
      return last.ok ? go(Step::kGateCheckpoint, HandoverAction::kCheckpoint) : leave();
    case Step::kGateCheckpoint:
      if (!last.ok || last.frames != last.copied) return leave();
      return go(Step::kGateLock, HandoverAction::kLockCheckpoint);
    case Step::kGateLock:
      if (!last.ok) return leave();
      holding_ = true;
      restarted_in_hold_ = false;
      hold_since_ = seen.now;
      return go(Step::kGateToZero, HandoverAction::kHandOver);
    case Step::kGateToZero:
      note_pin(seen, last);
      gate_succeeded_ = last.ok;
      return leave();
    default:  // kGateLeaving
      in_gate_ = false;
      if (!gate_succeeded_) return give_up(seen);
      counters_.gates_succeeded++;
      retry_ = milliseconds(0);
      resting_generation_ = seen.generation;
      resting_frame_ = mark_;
      return pause(seen);
  }
}

// A gate that failed: somebody else's reader, checkpoint or long transaction stands in the way. Back off
// (FACTS 31).
HandoverAction Handover::give_up(const WalView& seen) {
  counters_.gates_failed++;
  retry_ = std::clamp(retry_ * 2, options_.first_retry, options_.longest_retry);
  retry_at_ = seen.now + retry_;
  return pause(seen);
}

// After a gate our pin is on READ(0) and the next writer restarts the WAL: nothing to gate for until then.
bool Handover::rests(const WalView& seen) const {
  return resting_generation_ == seen.generation && resting_frame_ == seen.max_frame;
}

bool Handover::may_rest(const WalView& seen) const {
  if (step_ != Step::kIdle || in_gate_ || holding_ || proof_owed_ || seen.checkpoint_waits) return false;
  if (seen.wish != HandoverWish::kNothing || seen.now < alert_until_) return false;
  if (seen.max_frame == 0 || rests(seen)) return true;
  const bool tried = backfill_done_generation_ == seen.generation && backfill_done_frame_ == seen.max_frame;
  return mark_generation_ == seen.generation && (tried || seen.backfilled >= seen.max_frame) &&
         seen.max_frame <= options_.wal_limit_frames && !seen.zero_salt_frames;
}

bool Handover::gate_due(const WalView& seen) const {
  // While the store is slower than the writers the WAL waits, not our memory.
  if (seen.now < retry_at_ || seen.max_frame == 0 || seen.captured < seen.max_frame) return false;
  const bool wished = seen.wish == HandoverWish::kGate || seen.wish == HandoverWish::kTruncate;
  return !rests(seen) && (seen.max_frame > options_.wal_limit_frames || seen.zero_salt_frames || wished);
}

// Under the CKPT lock: until the first frames of the new generation are there, or time is up.
HandoverAction Handover::held(const WalView& seen) {
  if (restarted_in_hold_ && seen.max_frame > 0 && !proof_owed_) {
    return go(Step::kHeldPin, HandoverAction::kHandOver);
  }
  const bool hurry = seen.zero_salt_frames && !restarted_in_hold_;
  if (!hurry && seen.now - hold_since_ <= options_.checkpoint_hold) return pause(seen);
  if (!hurry) counters_.holds_timed_out++;
  holding_ = false;
  if (restarted_in_hold_) proof_owed_ = true;
  return go(Step::kHeldUnlock, HandoverAction::kUnlockCheckpoint);
}

HandoverAction Handover::idle(const WalView& seen) {
  if (seen.change != last_change_) {
    changed_at_ = seen.now;
  }
  const bool stands_still = seen.change == last_change_;
  last_change_ = seen.change;
  if (proof_owed_) return pause(seen);
  const bool waited = seen.checkpoint_waits && stands_still;
  if (waited && waited_before_) {
    counters_.yields++;
    return go(Step::kYield, HandoverAction::kHandOver);
  }
  waited_before_ = waited;
  if (waited) return pause(seen);
  if (mark_generation_ != seen.generation && seen.max_frame > 0) {
    return go(Step::kRefreshPin, HandoverAction::kHandOver);
  }
  const bool reset = seen.zero_salt_frames || seen.wish == HandoverWish::kTruncate;
  if (reset && rests(seen) && seen.now >= retry_at_) {
    return go(Step::kTruncating, HandoverAction::kTruncate);
  }
  if (gate_due(seen)) {
    rounds_ = lock_tries_ = 0;
    return go(Step::kApproachLock, HandoverAction::kLockCheckpoint);
  }
  const bool whole = seen.backfilled >= seen.max_frame;
  const bool tried = backfill_done_generation_ == seen.generation && backfill_done_frame_ == seen.max_frame;
  const bool wished = seen.wish == HandoverWish::kBackfill;
  const bool idle = seen.now - changed_at_ >= (seen.alone ? options_.alone_backfill : options_.idle_backfill);
  if (!whole && (wished || (!tried && idle))) {
    backfill_done_generation_ = seen.generation;
    backfill_done_frame_ = seen.max_frame;
    return go(Step::kBackfillPin, HandoverAction::kHandOver);
  }
  return pause(seen);
}

// Short steps while something happens, longer ones when the database is quiet.
HandoverAction Handover::pause(const WalView& seen) {
  const auto quiet = std::chrono::duration_cast<milliseconds>(seen.now - changed_at_);
  wait_ = std::clamp(quiet / 20, options_.step, options_.longest_step);
  if (holding_ || proof_owed_ || seen.checkpoint_waits) wait_ = std::min(wait_, milliseconds(1));
  // Their RESTART or TRUNCATE ends within moments, and the proof is to see the CKPT lock free once after it.
  if (seen.now < alert_until_) wait_ = milliseconds(0);
  return go(Step::kIdle, HandoverAction::kWait);
}

}  // namespace litewright
