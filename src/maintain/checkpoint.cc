#include "maintain/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <thread>

#include "base/error.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;
using Try = SafeCheckpoint::Try;

constexpr std::array<std::string_view, 4> kModes = {"passive", "full", "restart", "truncate"};
constexpr int kApproachRounds = 6;          // with writers running, before they are kept out
constexpr std::uint32_t kFewFrames = 1000;  // are copied back in milliseconds
constexpr milliseconds kBetweenTries{50};

Try attempt(SafeCheckpoint& checkpoint, CheckpointMode mode) {
  switch (mode) {
    case CheckpointMode::kFull:
      return checkpoint.full();
    case CheckpointMode::kRestart:
      return checkpoint.restart();
    case CheckpointMode::kTruncate:
      return checkpoint.truncate();
    case CheckpointMode::kPassive:
      break;
  }
  return checkpoint.passive();
}

void approach(SafeCheckpoint& checkpoint) {
  for (int round = 0; round < kApproachRounds; round++) {
    const WalState now = checkpoint.state();
    if (now.frames - now.backfilled <= kFewFrames) return;
    if (checkpoint.passive() != Try::kDone) return;
  }
}

}  // namespace

std::string_view mode_name(CheckpointMode mode) { return kModes.at(static_cast<std::size_t>(mode)); }

CheckpointMode mode_of(std::string_view name) {
  const auto* found = std::ranges::find(kModes, name);
  if (found != kModes.end()) return static_cast<CheckpointMode>(found - kModes.begin());
  throw Error(ErrorCode::kUsage, fmt::format("no such mode: {}", name), "passive, full, restart or truncate");
}

std::uint64_t copied_frames(const WalState& before, const WalState& after) {
  if (after.backfilled >= before.backfilled && after.frames >= before.frames)
    return after.backfilled - before.backfilled;
  return before.frames - before.backfilled + after.backfilled;  // the WAL was begun anew meanwhile
}

CheckpointReport checkpoint_database(const std::string& path, const Clock& clock,
                                     const CheckpointRequest& request) {
  CheckpointReport report;
  const SteadyTime began = clock.steady();
  // Stays open: closed as the only one it would copy all back before anything was looked at.
  Connection connection(path, {});
  if (connection.query_text("PRAGMA journal_mode") != "wal") {
    report.has_wal = false;
    report.complete = true;
    return report;
  }
  SafeCheckpoint checkpoint(path, clock, request.gate);
  report.before = checkpoint.state();
  const bool passive = request.mode == CheckpointMode::kPassive;
  while (true) {
    if (!passive) approach(checkpoint);
    const Try last = attempt(checkpoint, request.mode);
    report.complete = last == Try::kDone;
    report.by_reader = last == Try::kReaderBefore;
    const bool had_its_turn = passive && report.by_reader;
    if (report.complete || had_its_turn || clock.steady() - began >= request.patience) break;
    if (request.stop && request.stop()) break;
    std::this_thread::sleep_for(kBetweenTries);
  }
  report.after = checkpoint.state();
  report.copied = copied_frames(report.before, report.after);
  report.writers_out = checkpoint.writers_out();
  report.longest_out = checkpoint.longest_writers_out();
  report.seconds = clock.steady() - began;
  return report;
}

}  // namespace litewright
