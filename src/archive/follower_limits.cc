// Where following ends for the application's sake: the WAL that our pin holds may not fill the disk.
#include <fmt/format.h>

#include <chrono>

#include "archive/follower_session.h"

namespace litewright {

namespace {
constexpr std::chrono::milliseconds kLookAtDisk{20};  // a fast writer takes 1 MiB in that time
}

// The WAL is ours to give free only where it waits for us: captured, it is somebody else's reader that holds
// it. On a disk that is nearly full the ceiling is twice the limit, for whatever else comes there.
void Follower::Session::hold_the_ceiling(const WalIndex& index) {
  if (capture.position() >= index.header.max_frame) return;
  const FollowOptions& options = follower.options_;
  const std::uint64_t wal_bytes = frame_offset(index.header.max_frame.next(), page_size);
  if (wal_bytes < 2 * options.wal_limit_bytes && wal_bytes < options.wal_ceiling_bytes) return;
  if (const SteadyTime now = follower.clock_.steady(); now - disk_looked_at >= kLookAtDisk) {
    disk_looked_at = now;
    disk = disk_space(options.database);
  }
  const bool disk_is_full = !disk.has_room_for(0);
  if (wal_bytes < options.wal_ceiling_bytes && !disk_is_full) return;
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
  finding.remedy = "df -h " + follower.store_.describe();
  if (follower.events_.finding) follower.events_.finding(finding);
  throw Error(ErrorCode::kStoreUnreachable,
              fmt::format("the WAL of {} has {} bytes that the archive did not take in time, and {}",
                          options.database, wal_bytes, why),
              "free space on the archive's disk");
}

}  // namespace litewright
