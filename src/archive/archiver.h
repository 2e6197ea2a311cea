// The owner of a database's archive at work: takes the archive, follows the database, answers backup, sync
// and suspend at its socket, begins again when following failed. What the archive does not take is spooled.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "archive/archive_spool.h"
#include "archive/follow_lock.h"
#include "archive/follower.h"
#include "archive/owner.h"
#include "archive/owner_desk.h"
#include "archive/retention_thread.h"

namespace litewright {

struct ArchiverOptions {
  FollowOptions follow;                   // database, state_folder; the fence is filled here
  std::uint64_t spool_bytes = 256 << 20;  // 0: none
  RetentionThreadOptions retention = {};  // database and fence are filled here
  int reported_pid = 0;  // whom to stop: named to others who want the archive; 0: this process
  // What the archivers of one process share; where it is absent this one has its own.
  RestWatch* rest = nullptr;
  OwnerDesk* desk = nullptr;  // answers for the archive
  std::shared_ptr<FollowLockFile> follow_locks = {};
};

// What `backup` gives: a point that the archive holds.
struct BackupPoint {
  Txid txid;
  std::optional<std::string> name;
};

class Archiver {
 public:
  // Takes the database, then the archive. Throws Error{kLocked} where somebody else has one of them,
  // Error{kUsage} where the archive is another database's (archive/archive_home.h).
  Archiver(ObjectStore& store, const Clock& clock, ArchiverOptions options, FollowEvents events);
  ~Archiver();

  // Follows until stop(). A failure while following is reported as a warning and tried again after a while,
  // more slowly each time; one at the very beginning is thrown.
  void protect();
  // The same in pieces, for a process that has many: kResting where no thread is needed until `awake` is
  // called (on any thread, perhaps before this returns); then this is to be called again, never beside
  // itself.
  enum class Pass { kResting, kStopped };
  Pass go_on(const std::function<void()>& awake);
  void stop();   // from any thread
  void hurry();  // after stop(): as Follower::hurry()
  // Stopped, and the database will not be opened again: as Follower::has_let_go().
  bool has_let_go() const;

  // The state of now, archived (without following on). Gives its point; named if a name is given.
  BackupPoint backup(const std::optional<std::string>& name);

  FollowStatus status() const;

 private:
  nlohmann::json answer(const nlohmann::json& request, int connection);
  nlohmann::json checkpoint(const nlohmann::json& request);
  void begin_anew();
  void suspend(int connection);
  void resume(int connection);
  std::shared_ptr<Follower> follower() const;
  void lock_database();
  bool wait_while_suspended();
  void begin_protecting();
  bool follow_once(const std::function<void()>& awake);
  void wait_to_try_again(const Error& failure);
  void open_spool(std::chrono::milliseconds patience);
  std::shared_ptr<Follower> make_follower();
  void wait_until_taken();
  void found(const Finding& finding);
  void begin_retention();
  nlohmann::json prune(const nlohmann::json& request);
  enum class InTrouble { kWait, kGiveUp };  // while the store takes nothing
  Txid sync(std::chrono::milliseconds timeout, InTrouble in_trouble);
  Txid sync_with(Follower& current, std::chrono::milliseconds timeout, InTrouble in_trouble);
  void note_failure(const Error& failure);
  void note_room();
  void throw_if_disk_is_full(const Follower& follower);

  ObjectStore& store_;
  const Clock& clock_;
  ArchiverOptions options_;
  FollowEvents events_;
  std::unique_ptr<RestWatch> own_rest_;
  std::unique_ptr<FollowLock> database_lock_;  // before the archive is taken: a refusal leaves nothing there
  Ownership ownership_;
  std::unique_ptr<ArchiveSpool> spool_;
  ArchiveIdentity identity_;
  std::atomic<bool> followed_once_ = false;
  std::atomic<bool> let_go_ = false;  // at the WAL's ceiling, and not yet followed again
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<Follower> follower_;  // shared with requests that wait in it
  bool stopping_ = false, following_ = false;
  std::optional<Error> failure_ = {};       // of the follower that is no more
  std::atomic<bool> disk_is_full_ = false;  // the database's; said, and not yet over
  bool resting_ = false;                    // of the thread in go_on(): the follower is to go on
  SteadyTime round_began_{};
  std::chrono::milliseconds retry_{0};
  int suspended_by_ = -1;                       // a connection of the socket; -1: nobody
  std::unique_ptr<RetentionThread> retention_;  // while protect() runs
  std::unique_ptr<OwnerSocket> socket_;         // where there is no desk
  std::unique_ptr<OwnerDesk::Place> at_desk_;
  bool protecting_ = false;
};

// Records a name for a commit that is in the archive.
void name_point(ObjectStore& store, const std::string& name, Txid txid, const Clock& clock);

}  // namespace litewright
