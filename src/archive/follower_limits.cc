// Where following ends for the application's sake: the WAL that our pin holds may not fill the disk.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "archive/follower_session.h"
#include "base/shell_words.h"

namespace litewright {

namespace {
constexpr std::uint32_t kSortedInVain = 500;
constexpr std::uint64_t kLongWalLimits = 4;
constexpr std::chrono::milliseconds kQuietBeforeAsked{100}, kQuietBeforeCut{1'000}, kCutPatience{1'500};
constexpr std::chrono::milliseconds kLookAtDisk{20};  // a fast writer takes 1 MiB in that time
}  // namespace

const DiskSpace& Follower::Session::disk_now() {
  if (const SteadyTime now = follower.clock_.steady(); now - disk_looked_at >= kLookAtDisk) {
    disk_looked_at = now;
    disk = disk_space(follower.options_.database);
  }
  return disk;
}

// While the mark stands still the WAL grows by all that is written. Nobody may wait for it: no checkpoint, no
// request, no disk. A mark on READ(0) lets the WAL be restarted, and then lets each automatic checkpoint of
// the application sort all frames for nothing.
bool Follower::Session::may_stand_still(const WalIndex& index) {
  const bool restarted = !capture.same_generation(index);
  const std::uint32_t since = restarted ? 0 : still_at->header.max_frame.value;
  if (index.header.max_frame.value < since) return false;
  const std::uint32_t frames = index.header.max_frame.value - since;
  // A recovery begins to count anew: the frames may be others.
  if (!restarted && index.header.change < still_at->header.change) return false;
  if (restarted && frames > kSortedInVain) return false;
  const std::uint64_t most =
      std::min(follower.options_.scan_wal_bytes, follower.options_.wal_ceiling_bytes / 2);
  if (frames > most / (page_size + 24)) return false;
  const WalLockHolders holders = guard.lock_holders();
  if (holders.checkpointer != 0 && holders.checkpointer == holders.writer) return false;
  return wish() == HandoverWish::kNothing && disk_now().has_room_for(0);
}

// After a reader that stayed, or a burst, its file keeps the length that it once had. Cut while nobody writes
// it costs nobody anything (FACTS 31 is about doing so each time); tried for a moment, and again after the
// next commit. When the application is gone nothing is left in it, as its own last close would have seen to
// (docs/decisions/0016).
bool Follower::Session::wants_shorter_wal(const WalIndex& index, SteadyTime now) {
  if (scan || !announced || !handover || now - handover->changed_at() < kQuietBeforeAsked) return false;
  const std::uint64_t bytes = guard.wal_bytes();
  if (bytes == 0) return false;
  const bool alone = guard.is_alone();
  if (!alone && now - handover->changed_at() < kQuietBeforeCut) return false;
  if (cut_after != index.header.change) {
    if (!alone && bytes <= kLongWalLimits * follower.options_.wal_limit_bytes) return false;
    cut_after = index.header.change;
    cut_until = now + kCutPatience;
  }
  return now < cut_until;
}

// The WAL is ours to give free only where it waits for us: what is captured somebody else's reader holds, and
// what was there when we came would be there without us. On a disk that is nearly full the ceiling is twice
// the limit, for whatever else comes there.
void Follower::Session::hold_the_ceiling(const WalIndex& index) {
  const FollowOptions& options = follower.options_;
  const std::uint32_t came =
      index.header.max_frame.value -
      (capture.generation() == attached_generation ? std::min(attached_at, index.header.max_frame).value : 0);
  const std::uint64_t waiting_bytes = std::uint64_t{std::min(uncaptured(index), came)} * (page_size + 24);
  if (waiting_bytes < 2 * options.wal_limit_bytes && waiting_bytes < options.wal_ceiling_bytes) return;
  const bool disk_is_full = !disk_now().has_room_for(0);
  if (waiting_bytes < options.wal_ceiling_bytes && !disk_is_full) return;
  const std::uint64_t wal_bytes = frame_offset(index.header.max_frame.next(), page_size);
  {
    const std::lock_guard lock(follower.mutex_);
    follower.status_.gave_up = true;
    follower.answered_.notify_all();
  }
  const std::string why = disk_is_full ? "its disk is nearly full" : "it has reached --wal-ceiling";
  Finding finding{.id = "wal.ceiling", .severity = Severity::kCritical, .database = options.database};
  finding.figures = {{"wal_bytes", static_cast<std::int64_t>(wal_bytes)},
                     {"ceiling_bytes", static_cast<std::int64_t>(options.wal_ceiling_bytes)},
                     {"disk_free_bytes", static_cast<std::int64_t>(disk.free)},
                     {"captured", static_cast<std::int64_t>(capture.last_txid().value)},
                     {"archived", static_cast<std::int64_t>(uploader.archived().value)}};
  finding.meaning = fmt::format(
      "the archive does not keep up with the WAL, and {}: the WAL is let go, and commits from now on are not "
      "kept; what they change becomes one reconciled commit when the archive takes it",
      why);
  finding.remedy = "df -h " + shell_quoted(follower.store_.describe());
  if (follower.events_.finding) follower.events_.finding(finding);
  throw Error(ErrorCode::kStoreUnreachable,
              fmt::format("the WAL of {} has {} bytes that the archive did not take in time, and {}",
                          options.database, wal_bytes, why),
              "free space on the archive's disk");
}

}  // namespace litewright
