// Copies the WAL back into the database within bounds, in the way that sqlite/safe_checkpoint has it: most of
// it with writers running, and only the last of it with writers kept out, for milliseconds a try.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "sqlite/safe_checkpoint.h"

namespace litewright {

// As SQLite has them: what no reader forbids; everything; everything, and the next commit begins the WAL
// anew; everything, and the file is cut to nothing.
enum class CheckpointMode { kPassive, kFull, kRestart, kTruncate };
// "passive", "full", "restart", "truncate".
std::string_view mode_name(CheckpointMode mode);
// Throws Error{kUsage}.
CheckpointMode mode_of(std::string_view name);

struct CheckpointRequest {
  CheckpointMode mode = CheckpointMode::kPassive;
  std::chrono::milliseconds patience{10'000};  // of all tries together; PASSIVE tries until it had its turn
  std::function<void(bool)> gate = {};         // as SafeCheckpoint tells it
  std::function<bool()> stop = {};             // asked between tries; may be empty
};

struct CheckpointReport {
  bool has_wal = true;     // else there was nothing to do
  bool complete = false;   // as the mode has it
  bool by_reader = false;  // what stood in the way of the last try: a reader, else a writer or a checkpoint
  WalState before = {}, after = {};
  std::uint64_t copied = 0;  // frames, by whomever meanwhile
  std::chrono::duration<double> writers_out{}, longest_out{};
  std::chrono::duration<double> seconds{};
};

// Between two states of a WAL; of generations that came and went in between nothing is known.
std::uint64_t copied_frames(const WalState& before, const WalState& after);

// Throws as Connection does. A database in another journal mode gives has_wal = false.
CheckpointReport checkpoint_database(const std::string& path, const Clock& clock,
                                     const CheckpointRequest& request);

}  // namespace litewright
