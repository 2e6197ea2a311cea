// What the daemon knows of each database now, and what changed: written by the guards, the job runner and the
// looks, read by HTTP, metrics and alerts. Readers never wait for a database, a store or each other.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/finding.h"
#include "base/types.h"

namespace litewright {

// Of one database's guard.
enum class GuardState {
  kStarting,   // not followed yet
  kFollowing,  // every commit is captured
  kWaiting,    // following failed; it is tried again
  kStopped,
};
std::string_view guard_state_name(GuardState state);  // "starting", "following", "waiting", "stopped"

// Where a finding comes from: each source says all it has to say at once, and so ends what is over.
enum class FindingSource { kGuard, kLook, kCheck, kJobs };
std::string_view finding_source_name(FindingSource source);  // "guard", "look", "check", "jobs"

struct DatabaseStatus {
  std::string name = {};     // unique in the daemon
  std::string path = {};     // absolute
  std::string archive = {};  // as it may be shown: no password
  GuardState guard = GuardState::kStarting;
  std::string trouble = {};  // why it waits
  Txid captured, archived;
  std::optional<WallTime> archived_at = {};  // when the newest archived commit was seen
  std::uint64_t commits = 0;                 // captured since the guard began
  std::uint64_t archived_bytes = 0;          // put into the store since the guard began
  std::uint64_t gates = 0, gates_failed = 0;
  double longest_gate_seconds = 0;
  // By the last look at the file (no SQLite, no locks).
  bool exists = false, writable = false;
  std::uint64_t database_bytes = 0, wal_bytes = 0;
  std::uint64_t disk_free_bytes = 0, disk_bytes = 0;
  std::optional<WallTime> looked_at = {};
  std::optional<WallTime> checked_at = {};                      // by a whole check
  std::optional<WallTime> proven_at = {};                       // the newest proof by a restore
  std::map<FindingSource, std::vector<Finding>> findings = {};  // that are open

  Severity worst() const;
  std::vector<Finding> open_findings() const;  // the worst first
};

// A change, for those who listen. `document` is JSON, one line.
struct StatusChange {
  std::uint64_t number = 0;   // grows by one
  std::string kind = {};      // "database", "database.left", "finding", "run"
  std::string database = {};  // its name
  std::string document = {};
};

class StatusBoard {
 public:
  explicit StatusBoard(const Clock& clock) : clock_(clock) {}

  using Entry = std::shared_ptr<const DatabaseStatus>;

  // Joins where `name` is new. `change` works on a copy that readers see when it returns.
  void update(const std::string& name, const std::function<void(DatabaseStatus&)>& change);
  // All findings of one source; those of id and object that were not there before open, those that are gone
  // close, others may have worsened or eased: each is a change.
  void set_findings(const std::string& name, FindingSource source, std::vector<Finding> findings);
  // One finding of the guard: severity ok ends the one of its id.
  void tell(const std::string& name, FindingSource source, const Finding& finding);
  void leave(const std::string& name);
  void ran(const std::string& name, std::string document);  // a run began or ended

  // By name.
  std::vector<Entry> databases() const;
  Entry find(std::string_view name) const;  // null: no such
  std::uint64_t last_change() const;

  // The changes after `number` that are still kept (the newest kMostChanges), waiting up to `patience` for
  // one. `missed`: there were more between.
  struct Changes {
    std::vector<StatusChange> changes = {};
    bool missed = false;
  };
  Changes after(std::uint64_t number, std::chrono::milliseconds patience) const;
  static constexpr std::size_t kMostChanges = 4096;

  // Called on the thread that made the change, outside of any lock. Set once, before others know the board.
  std::function<void(const StatusChange&)> on_change = {};

 private:
  const Clock& clock_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::deque<StatusChange> changes_;
  std::uint64_t last_ = 0;
};

}  // namespace litewright
