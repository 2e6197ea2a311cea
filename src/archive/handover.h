// The hand-over protocol: when to take the next pin, checkpoint, keep writers out, hold the checkpoint lock
// (FACTS 11-13, 28-33). A state machine without waiting, I/O or clock of its own: it is told what was seen
// and how its last action ended, and answers with the next action. Whoever drives it captures before each
// call.
//
// Why it never loses a commit: frames leave the WAL only by a restart, a restart needs READ1-4 free and
// everything copied back; READ(k) of ours forbids it, READ(0) of ours allows one and forbids all copying
// back, hence the second. A pin is replaced by the next one before it ends, and only after everything up to
// the new mark was captured. Why it does not corrupt: the WAL-reset defect (FACTS 13) needs a checkpointer
// that sleeps across a restart. Under our gate the CKPT lock is ours across the restart; a restart that was
// not ours ends no pin before a checkpoint of our own was not refused (29). Why it costs the application
// nothing: the mark stands still between gates (30), gates are few and short (31).
//
// Invariants: (1) the CKPT lock is held at most kCheckpointHold beyond the gate; (2) no hand-over while a
// proof is owed; (3) the gate is entered only when few frames are left to copy back; (4) every gate entered
// is left.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace litewright {

struct HandoverOptions {
  std::uint32_t wal_limit_frames = 8000;     // a gate is due above it
  std::uint32_t gate_backlog_frames = 1000;  // ... and entered when at most so many are left to copy back
  int patient_rounds = 6;  // so many checkpoints for a quarter of that backlog, before the whole is accepted
  int approach_rounds = 12;  // checkpoints with writers running before a gate is put off
  std::chrono::milliseconds checkpoint_hold{100};
  std::chrono::milliseconds step{5};
  std::chrono::milliseconds longest_step{2000};
  std::chrono::milliseconds alert{
      20};  // after a foreign checkpoint: look without pause, or the next one finds us owing
  std::chrono::milliseconds idle_backfill{1000};  // quiet for so long: the main file alone is made whole (32)
  std::chrono::milliseconds alone_backfill{100};  // the same where the application is gone
  std::chrono::milliseconds first_retry{5};
  std::chrono::milliseconds longest_retry{250};
  int lock_tries = 20;  // a millisecond apart: somebody's own checkpoint is running
};

// What a command asks for, once: until it was done, or is no longer asked for.
enum class HandoverWish {
  kNothing,
  kBackfill,  // PASSIVE: copy back what no reader forbids
  kGate,      // all copied back, and the next commit begins the WAL anew
  kTruncate,  // the WAL's file cut to nothing, too
};

// What the driver saw just now, after capturing.
struct WalView {
  SteadyTime now;
  std::uint64_t generation = 0;  // counts the WAL's restarts
  std::uint32_t change = 0;      // the index's change counter
  std::uint32_t max_frame = 0;
  std::uint32_t backfilled = 0;
  std::uint32_t captured = 0;  // frames of this generation
  // Nobody holds the CKPT lock at this moment, or its holder took it after the last restart for sure: a
  // checkpointer that was asleep across the restart is gone (FACTS 29).
  bool checkpoint_free = false;
  bool checkpoint_waits = false;  // the write and the checkpoint lock are held by one other process
  // In this generation (28): reset the WAL at once, on the disk too. Recovery would lay the frames before
  // them over a main file that is newer.
  bool zero_salt_frames = false;
  // Nobody else has the database open. Who restores it by hand stopped the application before, and lays it
  // over whatever is not copied back yet.
  bool alone = false;
  HandoverWish wish = HandoverWish::kNothing;
};

enum class HandoverAction {
  kWait,            // call again after wait(); an approach's CKPT lock is let go before
  kHandOver,        // take the next pin, capture up to its mark, drop the old one
  kCheckpoint,      // PASSIVE, by our own connection; takes over the CKPT lock if we have it, and lets it go
  kEnterGate,       // keep writers out
  kLeaveGate,       // let them in; the CKPT lock is let go unless holds_checkpoint_lock()
  kLockCheckpoint,  // take the CKPT lock
  kUnlockCheckpoint,  // let it go
  kTruncate,          // TRUNCATE without waiting for anybody; ok: the WAL is reset
};

// How the last action ended.
struct HandoverOutcome {
  bool ok = true;            // done; for kCheckpoint: not refused; for kHandOver: the old pin is dropped
  std::uint32_t mark = 0;    // kHandOver: the new pin's max_frame
  std::uint32_t frames = 0;  // kCheckpoint
  std::uint32_t copied = 0;
};

class Handover {
 public:
  Handover(const HandoverOptions& options, const WalView& at_pin);

  HandoverAction next(const WalView& seen, const HandoverOutcome& last);
  std::chrono::milliseconds wait() const { return wait_; }

  // The CKPT lock had to be let go (a torn index can't be recovered under it): the proof is owed again.
  void lost_checkpoint_lock();

  bool proof_owed() const { return proof_owed_; }
  bool holds_checkpoint_lock() const { return holding_; }
  // Nothing is to be done until somebody writes, checkpoints or asks.
  bool may_rest(const WalView& seen) const;
  SteadyTime changed_at() const { return changed_at_; }  // when a commit was last seen
  // All is copied back, and our mark lets the next commit begin the WAL anew.
  bool rests(const WalView& seen) const;
  // Also while the answer to kEnterGate is still owed.
  bool in_gate() const { return in_gate_ || step_ == Step::kEntering; }

  struct Counters {
    std::uint64_t gates = 0, gates_failed = 0, proofs = 0, yields = 0, holds_timed_out = 0;
    std::uint64_t gates_succeeded = 0, backfills = 0, truncations = 0;  // what wishes were done by
  };
  const Counters& counters() const { return counters_; }

 private:
  enum class Step {
    kIdle,
    kYield,         // a foreign FULL, RESTART or TRUNCATE waits for our mark
    kApproachLock,  // CKPT, or the application's own checkpoint would take over what our mark sets free
    kApproachLockWait,
    kApproachPin,  // hand over, checkpoint, with writers running
    kApproachCheckpoint,
    kEntering,
    kGateFirstLock,
    kGateFirstLockWait,
    kGatePin,
    kGateCheckpoint,
    kGateLock,
    kGateToZero,  // hand over to READ(0)
    kGateLeaving,
    kHeldPin,  // into the new generation, then the CKPT lock may go
    kHeldUnlock,
    kRefreshPin,  // off READ(0) or an old mark, outside the gate
    kBackfillPin,
    kBackfillCheckpoint,
    kTruncating,  // zero-salt frames are copied back, and nobody writes who would restart the WAL
  };

  HandoverAction idle(const WalView& seen);
  HandoverAction held(const WalView& seen);
  HandoverAction go(Step step, HandoverAction action);
  HandoverAction pause(const WalView& seen);
  bool abandon_for_proof(const HandoverOutcome& last);
  HandoverAction leave_for_proof(const WalView& seen);
  HandoverAction lock_again(Step wait_step);
  HandoverAction give_up(const WalView& seen);
  HandoverAction after_approach(const WalView& seen, const HandoverOutcome& last);
  HandoverAction in_gate_step(const WalView& seen, const HandoverOutcome& last);
  void note_restart(const WalView& seen);
  void note_pin(const WalView& seen, const HandoverOutcome& last);
  bool gate_due(const WalView& seen) const;

  HandoverOptions options_;
  Counters counters_;
  Step step_ = Step::kIdle;
  bool proof_owed_ = true;  // somebody's checkpoint may be asleep since before we came
  bool in_gate_ = false, holding_ = false, gate_succeeded_ = false, restarted_in_hold_ = false;
  std::uint64_t generation_, mark_generation_;
  std::uint32_t mark_, last_change_;
  bool waited_before_ = false;
  int rounds_ = 0, lock_tries_ = 0;
  SteadyTime hold_since_{}, retry_at_{}, changed_at_, alert_until_{};
  // Where nothing is left to do until somebody writes: after a gate that nobody restarted yet, after an idle
  // backfill.
  std::uint64_t resting_generation_ = ~0ull;
  std::uint32_t resting_frame_ = 0;
  std::uint64_t backfill_done_generation_ = ~0ull;
  std::uint32_t backfill_done_frame_ = 0;
  std::chrono::milliseconds retry_{0}, wait_{0};
};

}  // namespace litewright
