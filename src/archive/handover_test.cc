// The protocol against a model of SQLite's WAL: writers that commit and restart it, readers, foreign
// checkpointers that fall asleep between reading the index and copying back (the WAL-reset defect of FACTS 13
// is in the model), TRUNCATE and FULL checkpoints that wait. Random orders, seeded; a control shows that the
// model can lose and corrupt.
#include "archive/handover.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>

namespace litewright {
namespace {

constexpr std::uint32_t kUnused = 0;

struct Pin {
  bool held = false;
  bool zero = false;  // READ(0): ignores the WAL
  std::uint32_t mark = 0;
};

// SQLite's side, as wal.c has it.
struct WalModel {
  std::uint64_t generation = 1;
  std::uint32_t max_frame = 0, backfilled = 0, change = 0;
  std::uint64_t lost_frames = 0;  // destroyed by a restart before they were captured
  bool corrupt = false;           // frames of this generation count as copied back though nobody copied them
  std::uint32_t really_copied = 0;
  int writer = 0;  // 0: nobody, 1: we (the gate), 2: somebody else
  int checkpointer = 0;
  Pin old_pin, new_pin, foreign_reader;
  std::uint32_t captured = 0;  // by us, of `captured_generation`
  std::uint64_t captured_generation = 1;

  struct Sleeper {  // a foreign checkpointer that has read the index and sleeps
    std::uint64_t generation;
    std::uint32_t max_frame;
  };
  std::optional<Sleeper> sleeper;

  Pin begin_read() const {
    const bool zero = max_frame == backfilled;
    return {true, zero, zero ? kUnused : max_frame};
  }
  std::array<const Pin*, 3> pins() const { return {&old_pin, &new_pin, &foreign_reader}; }

  bool read0_held() const {
    for (const Pin* pin : pins()) {
      if (pin->held && pin->zero) return true;
    }
    return false;
  }
  bool other_reads_held() const {
    for (const Pin* pin : pins()) {
      if (pin->held && !pin->zero) return true;
    }
    return false;
  }
  std::uint32_t safe_frame(std::uint32_t upto) const {
    for (const Pin* pin : pins()) {
      if (pin->held && !pin->zero) upto = std::min(upto, pin->mark);
    }
    return upto;
  }
  // walCheckpoint() with an index read as `seen_max`: what it believes to have copied back.
  void backfill(std::uint32_t seen_max, std::uint64_t seen_generation) {
    const std::uint32_t safe = safe_frame(seen_max);
    if (backfilled >= safe || read0_held()) return;
    if (seen_generation != generation) {
      corrupt = true;  // a stale checkpointer stores a count that belongs to the generation before
      backfilled = safe;
      return;
    }
    really_copied = backfilled = safe;
  }
  void restart() {
    if (captured_generation == generation && captured < max_frame) lost_frames += max_frame - captured;
    if (captured_generation < generation) lost_frames += max_frame;
    generation++;
    max_frame = backfilled = really_copied = 0;
  }
  // One commit of somebody else's.
  void commit(std::uint32_t frames) {
    if (writer != 0) return;
    const bool began_on_zero = max_frame == backfilled;
    if (began_on_zero && max_frame > 0 && !other_reads_held()) restart();
    max_frame += frames;
    change++;
  }
  void capture() {
    if (captured_generation != generation) {
      captured_generation = generation;
      captured = 0;
    }
    captured = max_frame;
  }
};

struct World {
  explicit World(unsigned seed) : random(seed) {}

  WalModel wal;
  std::mt19937 random;
  SteadyTime now{std::chrono::seconds(100)};
  bool take_checkpoint_lock = true;  // false: the control
  bool prove = true;                 // false: the control
  bool others_act = true;
  bool zero_salts = false;  // commits leave them now and then (FACTS 28)
  std::uint64_t zero_salt_generation = 0, truncates = 0;

  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); }
  bool chance(int percent) { return static_cast<int>(random() % 100) < percent; }

  WalView view() const {
    WalView seen;
    seen.now = now;
    seen.generation = wal.captured_generation;
    seen.change = wal.change;
    seen.max_frame = wal.max_frame;
    seen.backfilled = std::min(wal.backfilled, wal.max_frame);
    seen.captured = wal.captured;
    seen.checkpoint_free = wal.checkpointer != 2 || !prove;
    seen.zero_salt_frames = zero_salt_generation == wal.captured_generation;
    return seen;
  }

  // Whatever other processes may do between two of our steps.
  void others() {
    if (chance(60)) wal.commit(1 + below(40));
    if (zero_salts && chance(2)) zero_salt_generation = wal.generation;
    if (!wal.sleeper && wal.checkpointer == 0 && chance(15)) {
      wal.checkpointer = 2;
      wal.sleeper = WalModel::Sleeper{wal.generation, wal.max_frame};
    }
    if (wal.sleeper && chance(25)) {
      wal.backfill(wal.sleeper->max_frame, wal.sleeper->generation);
      wal.sleeper.reset();
      wal.checkpointer = 0;
    }
    if (!wal.foreign_reader.held && chance(3)) wal.foreign_reader = wal.begin_read();
    if (wal.foreign_reader.held && chance(20)) wal.foreign_reader.held = false;
    // A TRUNCATE that finds everything copied back resets the WAL by itself.
    if (wal.checkpointer == 0 && wal.writer == 0 && wal.max_frame == wal.backfilled &&
        !wal.other_reads_held() && chance(3)) {
      wal.restart();
    }
    now += std::chrono::milliseconds(1 + random() % 4);
  }

  HandoverOutcome hand_over(const Handover& handover) {
    const std::uint64_t before = wal.captured_generation;
    wal.new_pin = wal.begin_read();
    if (others_act && chance(30)) others();
    const bool foreign_restart = before != wal.generation && !handover.holds_checkpoint_lock();
    const std::uint32_t max = wal.max_frame;
    wal.capture();
    if (foreign_restart && prove) {
      wal.new_pin.held = false;
      return {.ok = false};
    }
    wal.old_pin = wal.new_pin;
    wal.new_pin.held = false;
    return {.ok = true, .mark = max};
  }

  void let_go(const Handover& handover) {
    if (wal.checkpointer == 1 && !handover.holds_checkpoint_lock()) wal.checkpointer = 0;
  }

  HandoverOutcome perform(HandoverAction action, const Handover& handover) {
    switch (action) {
      case HandoverAction::kHandOver:
        return hand_over(handover);
      case HandoverAction::kCheckpoint:
        if (wal.checkpointer == 1) wal.checkpointer = 0;
        if (wal.checkpointer != 0) return {.ok = !prove};
        wal.backfill(wal.max_frame, wal.generation);
        return {.ok = true, .frames = wal.max_frame, .copied = std::min(wal.backfilled, wal.max_frame)};
      case HandoverAction::kEnterGate:
        if (wal.writer != 0) return {.ok = false};
        wal.writer = 1;
        return {};
      case HandoverAction::kLeaveGate:
        wal.writer = 0;
        let_go(handover);
        return {};
      case HandoverAction::kLockCheckpoint:
        if (!take_checkpoint_lock) return {};
        if (wal.checkpointer != 0) return {.ok = false};
        wal.checkpointer = 1;
        return {};
      case HandoverAction::kUnlockCheckpoint:
        if (wal.checkpointer == 1) wal.checkpointer = 0;
        return {};
      case HandoverAction::kTruncate:
        if (wal.checkpointer == 1) wal.checkpointer = 0;
        if (wal.checkpointer != 0 || wal.writer != 0 || wal.other_reads_held()) return {.ok = false};
        wal.backfill(wal.max_frame, wal.generation);
        if (wal.backfilled < wal.max_frame) return {.ok = false};
        wal.restart();
        truncates++;
        return {};
      case HandoverAction::kWait:
        let_go(handover);
        now += handover.wait();
        return {};
    }
    return {};
  }
};

struct Verdict {
  std::uint64_t lost = 0;
  bool corrupt = false;
  Handover::Counters counters;
  std::uint64_t generations = 0;
  bool writers_kept_out = false;
};

HandoverOptions small_limits() {
  HandoverOptions options;
  options.wal_limit_frames = 100;
  options.gate_backlog_frames = 60;
  return options;
}

Verdict run_world(World world, int steps) {
  world.wal.max_frame = world.below(50);
  world.wal.backfilled = world.wal.really_copied = world.below(world.wal.max_frame + 1);
  world.wal.old_pin = world.wal.begin_read();
  world.wal.capture();
  Handover handover(small_limits(), world.view());
  HandoverOutcome outcome;
  for (int i = 0; i < steps; i++) {
    world.others();
    world.wal.capture();
    outcome = world.perform(handover.next(world.view(), outcome), handover);
    if (!world.wal.old_pin.held) ADD_FAILURE() << "no pin is held";
  }
  for (int i = 0; i < 100 && handover.in_gate(); i++) {
    world.wal.capture();
    outcome = world.perform(handover.next(world.view(), outcome), handover);
  }
  return {world.wal.lost_frames, world.wal.corrupt, handover.counters(), world.wal.generation,
          world.wal.writer == 1};
}

unsigned first_seed() {
  const char* given = std::getenv("LITEWRIGHT_SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : 1;
}

TEST(Handover, NeverLosesAFrameNorCorruptsWhateverOthersDo) {
  std::uint64_t gates = 0;
  std::uint64_t generations = 0;
  for (unsigned seed = first_seed(); seed < first_seed() + 300; seed++) {
    const Verdict verdict = run_world(World(seed), 3000);
    ASSERT_EQ(verdict.lost, 0u) << "seed " << seed;
    ASSERT_FALSE(verdict.corrupt) << "seed " << seed;
    ASSERT_FALSE(verdict.writers_kept_out) << "seed " << seed;
    gates += verdict.counters.gates;
    generations += verdict.generations;
  }
  // The runs are about something: gates were entered and the WAL was restarted again and again.
  EXPECT_GT(gates, 300u * 5);
  EXPECT_GT(generations, 300u * 5);
}

TEST(Handover, LosesNothingWhileItResetsTheWalForFramesWithoutSalts) {
  std::uint64_t generations = 0;
  for (unsigned seed = first_seed(); seed < first_seed() + 200; seed++) {
    World world(seed);
    world.zero_salts = true;
    const Verdict verdict = run_world(world, 3000);
    ASSERT_EQ(verdict.lost, 0u) << "seed " << seed;
    ASSERT_FALSE(verdict.corrupt) << "seed " << seed;
    ASSERT_FALSE(verdict.writers_kept_out) << "seed " << seed;
    generations += verdict.generations;
  }
  EXPECT_GT(generations, 200u * 5);
}

// Recovery ends before such frames and lays what is before them over the main file: copied back is not
// enough.
TEST(Handover, FramesWithoutSaltsAreResetAtOnceThoughNobodyWritesOn) {
  World world(1);
  world.others_act = false;
  world.wal.max_frame = 30;
  world.zero_salt_generation = world.wal.generation;
  world.wal.old_pin = world.wal.begin_read();
  world.wal.capture();
  Handover handover(small_limits(), world.view());
  HandoverOutcome outcome;
  const SteadyTime began = world.now;
  for (int i = 0; i < 200 && world.truncates == 0; i++) {
    world.wal.capture();
    outcome = world.perform(handover.next(world.view(), outcome), handover);
  }
  EXPECT_EQ(world.truncates, 1u);
  EXPECT_EQ(world.wal.max_frame, 0u);
  EXPECT_EQ(world.wal.lost_frames, 0u);
  EXPECT_LT(world.now - began, std::chrono::milliseconds(50));
}

TEST(Handover, ControlWithoutTheCheckpointLockAndTheProofCorrupts) {
  int corrupted = 0;
  for (unsigned seed = 1; seed <= 100; seed++) {
    World world(seed);
    world.take_checkpoint_lock = false;
    world.prove = false;
    corrupted += run_world(world, 3000).corrupt ? 1 : 0;
  }
  EXPECT_GT(corrupted, 0);
}

TEST(Handover, AnIdleDatabaseIsLeftInPeace) {
  World world(1);
  world.wal.max_frame = 30;
  world.wal.old_pin = world.wal.begin_read();
  world.wal.capture();
  Handover handover(small_limits(), world.view());
  HandoverOutcome outcome;
  int busy_actions = 0;
  for (int i = 0; i < 2000; i++) {
    const HandoverAction action = handover.next(world.view(), outcome);
    busy_actions += action == HandoverAction::kWait ? 0 : 1;
    outcome = world.perform(action, handover);
  }
  // The proof, one hand-over and one checkpoint that makes the main file whole (FACTS 32).
  EXPECT_LE(busy_actions, 4);
  EXPECT_EQ(world.wal.backfilled, 30u);
  EXPECT_EQ(handover.wait(), HandoverOptions{}.longest_step);
}

TEST(Handover, AReaderThatStaysMakesGatesBackOff) {
  World world(1);
  world.others_act = false;
  world.wal.max_frame = 5000;
  world.wal.foreign_reader = {true, false, 10};
  world.wal.old_pin = world.wal.begin_read();
  world.wal.capture();
  Handover handover(small_limits(), world.view());
  HandoverOutcome outcome;
  for (int i = 0; i < 2000; i++) {
    world.wal.commit(10);
    world.wal.capture();
    outcome = world.perform(handover.next(world.view(), outcome), handover);
    world.now += std::chrono::milliseconds(1);
  }
  EXPECT_EQ(handover.counters().gates, 0u);
  EXPECT_LT(handover.counters().gates_failed, 40u);
}

}  // namespace
}  // namespace litewright
