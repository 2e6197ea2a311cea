// What the daemon knows of each database now, and what changed: written by the guards, the job runner and the
// looks, read by HTTP, metrics and alerts. Readers never wait for a database, a store or each other.
//
// A finding is the same one as long as its id and object are: it appears with the first source that has it,
// worsens or eases with the worst of them, and clears when none has it any more.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
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
  std::string unwritable = {};  // why it is not
  std::uint64_t database_bytes = 0, wal_bytes = 0;
  std::uint64_t disk_free_bytes = 0, disk_bytes = 0;
  std::optional<WallTime> looked_at = {};
  std::optional<WallTime> checked_at = {};                      // by a whole check
  std::optional<WallTime> proven_at = {};                       // the newest proof by a restore
  std::optional<WallTime> archive_began = {};                   // when its archive was made
  std::map<FindingSource, std::vector<Finding>> findings = {};  // that are open

  Severity worst() const;
  std::vector<Finding> open_findings() const;  // the worst first; each once
};

// A change, for those who listen. `document` is JSON, one line, and has a "time" (UTC):
//   database       {"name", "path", "guard", "trouble"}: it joined, or its guard's state is another
//   database.left  {"name", "path"}
//   finding        {"name", "change": "appeared"|"worsened"|"eased"|"cleared", "finding"}; a cleared one as
//                  it was last, with severity "ok"
//   run            {"name", "event": "began"|"ended", "run"}: the run as `litewright runs --json` has it
struct StatusChange {
  std::uint64_t number = 0;   // grows by one
  std::string kind = {};      // "database", "database.left", "finding", "run"
  std::string database = {};  // its name; empty where the daemon itself is meant
  std::string document = {};
};

class StatusBoard {
 public:
  explicit StatusBoard(const Clock& clock) : clock_(clock) {}

  using Entry = std::shared_ptr<const DatabaseStatus>;

  // `change` works on a copy that readers see when it returns; it is called under the board's lock, must not
  // call the board, and leaves `findings` as they are. Nothing is done where it did not join.
  void update(const std::string& name, const std::function<void(DatabaseStatus&)>& change);
  void join(const std::string& name, const std::function<void(DatabaseStatus&)>& change);  // or as update()
  void leave(const std::string& name);
  // All findings of one source, of a database that joined: those that are not among them end. The
  // kMostFindings worst are kept.
  void set_findings(const std::string& name, FindingSource source, std::vector<Finding> findings);
  // One finding more: severity ok ends those of its id (and of its object, where it names one).
  void tell(const std::string& name, FindingSource source, const Finding& finding);
  void ran(const std::string& name, std::string document);  // a run began or ended
  static constexpr std::size_t kMostFindings = 500;         // of a database and source

  // Of the daemon itself: a configuration that can't be read, a database that was deleted (`database` is the
  // name that it had here). As tell().
  void tell_of_daemon(const Finding& finding);
  std::vector<Finding> daemon_findings() const;

  // All databases that were there at the beginning have joined; for the startup probe.
  void mark_started();
  bool started() const;

  // By name.
  std::vector<Entry> databases() const;
  Entry find(std::string_view name) const;  // null: no such
  std::uint64_t last_change() const;

  // The changes after `number` that are still kept (the newest kMostChanges), waiting up to `patience` for
  // one. `missed`: there were more between. Who listens (alerts, event streams) asks again and again.
  struct Changes {
    std::vector<StatusChange> changes = {};
    bool missed = false;
  };
  Changes after(std::uint64_t number, std::chrono::milliseconds patience) const;
  static constexpr std::size_t kMostChanges = 4096;

 private:
  void record(std::string kind, const std::string& database, std::string document);  // under mutex_
  void apply(Entry& entry, const std::string& name, const std::function<void(DatabaseStatus&)>& change);
  void record_findings(const std::string& name, const std::vector<Finding>& before,
                       const std::vector<Finding>& after);

  const Clock& clock_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<Finding> daemon_findings_;
  std::deque<StatusChange> changes_;
  std::uint64_t last_ = 0;
  bool started_ = false;
};

}  // namespace litewright
