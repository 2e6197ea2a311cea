#include "archive/archiver.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "archive/archive_home.h"
#include "archive/catalogue.h"
#include "archive/retention_request.h"
#include "base/disk_space.h"
#include "base/shell_words.h"

namespace litewright {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kFirstRetry{200};
constexpr milliseconds kLongestRetry{30'000};
constexpr milliseconds kSuspendWithin{60'000};
constexpr milliseconds kPatience{2'000};            // with a put, before the object is spooled
constexpr milliseconds kBackupPatience{3'600'000};  // nothing else waits for it
constexpr milliseconds kRetryInTrouble{2'000};
constexpr milliseconds kLookAtStore{200};
constexpr milliseconds kTroubleIsLasting{5'000};
constexpr milliseconds kFailureFollows{1'000};  // a follower that ended, and why

milliseconds timeout_of(const json& request) {
  return milliseconds(
      std::clamp<std::int64_t>(request.value("timeout_ms", std::int64_t{60'000}), 1, 3'600'000));
}

std::unique_ptr<FollowLock> lock_for(const ObjectStore& store, const ArchiverOptions& options) {
  return std::make_unique<FollowLock>(FollowLockOptions{.database = options.follow.database,
                                                        .state_folder = options.follow.state_folder,
                                                        .archive = store.describe(),
                                                        .reported_pid = options.reported_pid,
                                                        .file = options.follow_locks});
}

// Before anything is taken: a refusal leaves no trace in another database's archive.
std::unique_ptr<FollowLock> first_lock(const ObjectStore& store, const ArchiverOptions& options) {
  require_archive_of(store, options.follow.database);
  return lock_for(store, options);
}

}  // namespace

void name_point(ObjectStore& store, const std::string& name, Txid txid, const Clock& clock) {
  put_point(store, NamedPoint{name, txid, clock.wall()});
}

Archiver::Archiver(ObjectStore& store, const Clock& clock, ArchiverOptions options, FollowEvents events)
    : store_(store),
      clock_(clock),
      options_(std::move(options)),
      events_(std::move(events)),
      database_lock_(first_lock(store, options_)),
      ownership_(store, clock, options_.follow.state_folder, options_.reported_pid,
                 options_.desk != nullptr ? options_.desk->socket() : "") {
  options_.follow.fence = ownership_.fence();
  if (options_.rest == nullptr) own_rest_ = std::make_unique<RestWatch>();
  options_.follow.rest = options_.rest != nullptr ? options_.rest : own_rest_.get();
  events_.stored = [this, inner = std::move(events_.stored)](Txid txid, std::uint64_t bytes) {
    if (retention_) retention_->note_new_object();
    if (inner) inner(txid, bytes);
  };
  events_.following = [this, inner = std::move(events_.following)](Txid txid, bool reconciled) {
    followed_once_ = true;
    if (inner) inner(txid, reconciled);
    note_room();
    if (!let_go_.exchange(false)) return;
    found({.id = "wal.ceiling",
           .severity = Severity::kOk,
           .database = options_.follow.database,
           .meaning = "the database is followed again, and what was missed is one reconciled commit"});
  };
  if (const auto aside = set_damaged_identity_aside(store_)) {
    found(
        {.id = "archive.damaged-identity",
         .severity = Severity::kWarning,
         .database = options_.follow.database,
         .object = *aside,
         .meaning = "archive.json was damaged: it was set aside, and a new one made; no commit is lost by it",
         .remedy = "litewright verify " + shell_quoted(options_.follow.database)});
  }
  identity_ = ensure_archive(store_, options_.follow.database, clock_);
  let_record_follow(store_, identity_, options_.follow.database);
}

Archiver::~Archiver() = default;

std::shared_ptr<Follower> Archiver::follower() const {
  const std::lock_guard lock(mutex_);
  return follower_;
}

// Another file may have the name since the last round: it may be followed by somebody else already.
void Archiver::lock_database() {
  if (database_lock_ && database_lock_->is_of(options_.follow.database)) return;
  database_lock_.reset();
  database_lock_ = lock_for(store_, options_);
}

void Archiver::found(const Finding& finding) {
  if (events_.finding) events_.finding(finding);
}

void Archiver::open_spool(milliseconds patience) {
  spool_ = std::make_unique<ArchiveSpool>(store_, ownership_, identity_, clock_,
                                          ArchiveSpoolOptions{.state_folder = options_.follow.state_folder,
                                                              .database = options_.follow.database,
                                                              .limit_bytes = options_.spool_bytes,
                                                              .patience = patience},
                                          [this](const Finding& finding) { found(finding); });
}

std::shared_ptr<Follower> Archiver::make_follower() {
  SpoolingStore& store = spool_->store();
  FollowOptions follow = options_.follow;
  options_.follow.anew = false;  // once
  return std::make_shared<Follower>(store, clock_, follow, events_, &store);
}

// An object that is on its way to a store that hangs may arrive yet: till then nobody knows where the archive
// ends. And where neither the archive nor the spool takes anything there is no use in holding the WAL.
void Archiver::wait_until_taken() {
  const SpoolingStore& spool = spool_->store();
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || suspended_by_ >= 0) return;
    }
    const SpoolStatus now = spool.status();
    if (now.lost) throw Error(*now.trouble);
    const bool stuck = now.trouble && (now.full || let_go_);
    if (!now.in_doubt && !stuck) return;
    spool.wait(now.in_doubt ? SpoolingStore::Until::kNothingInDoubt : SpoolingStore::Until::kFarTakes,
               kLookAtStore);
  }
}

// Works while the database is followed and the archive takes what it is given.
void Archiver::begin_retention() {
  options_.retention.database = options_.follow.database;
  options_.retention.fence = ownership_.fence();
  const auto may_work = [this] {
    const std::lock_guard lock(mutex_);
    return followed_once_ && following_ && !stopping_ && !spool_->store().status().trouble;
  };
  retention_ =
      std::make_unique<RetentionThread>(store_, clock_, *options_.follow.rest, options_.retention, may_work,
                                        [this](const Finding& finding) { found(finding); });
}

void Archiver::protect() {
  std::mutex mutex;
  std::condition_variable changed;
  bool awake = false;
  const auto wake = [&] {
    const std::lock_guard lock(mutex);
    awake = true;
    changed.notify_all();
  };
  while (go_on(wake) == Pass::kResting) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return awake; });
    awake = false;
  }
}

void Archiver::begin_protecting() {
  open_spool(kPatience);
  begin_retention();
  const auto handler = [this](const json& request, int connection) { return answer(request, connection); };
  const auto gone = [this](int connection) { resume(connection); };
  if (options_.desk != nullptr) {
    at_desk_ = std::make_unique<OwnerDesk::Place>(*options_.desk, ownership_.key(), handler, gone);
  } else {
    socket_ = std::make_unique<OwnerSocket>(ownership_.socket(), handler, gone);
  }
  retry_ = kFirstRetry;
  protecting_ = true;
}

Archiver::Pass Archiver::go_on(const std::function<void()>& awake) {
  if (!protecting_) begin_protecting();
  while (resting_ || wait_while_suspended()) {
    if (follow_once(awake)) return Pass::kResting;
  }
  retention_->stop();  // a request that prunes ends with it
  socket_.reset();
  at_desk_.reset();
  retention_.reset();
  protecting_ = false;
  return Pass::kStopped;
}

// What is copied back from the WAL finds no room: said once, for each round fails in the same way.
void Archiver::note_failure(const Error& failure) {
  constexpr std::string_view kFull = "disk is full";  // SQLite's words for the database's own
  if (failure.code() != ErrorCode::kIo || !std::string_view(failure.what()).contains(kFull)) return;
  if (disk_is_full_.exchange(true)) return;
  const std::string& database = options_.follow.database;
  found({.id = "disk.full",
         .severity = Severity::kCritical,
         .database = database,
         .object = std::filesystem::path(database).parent_path().string(),
         .figures = {{"free_bytes", static_cast<std::int64_t>(disk_space(database).free)}},
         .meaning = fmt::format("the database's disk is full ({}): the application can commit nothing more, "
                                "or soon can't; it is followed again when there is room",
                                failure.what()),
         .remedy = "df -h " + shell_quoted(database)});
}

// There is room for what is in the WAL.
void Archiver::note_room() {
  const std::string& database = options_.follow.database;
  std::error_code none;
  const std::uintmax_t wal_bytes = std::filesystem::file_size(database + "-wal", none);
  if (!disk_is_full_ || (!none && disk_space(database).free <= wal_bytes)) return;
  disk_is_full_ = false;
  found({.id = "disk.full",
         .severity = Severity::kOk,
         .database = database,
         .object = std::filesystem::path(database).parent_path().string(),
         .meaning = "there is room on the database's disk again, and it is followed"});
}

// True: the follower is at rest.
bool Archiver::follow_once(const std::function<void()>& awake) {
  std::optional<Error> failure;
  try {
    if (!std::exchange(resting_, false)) {
      round_began_ = clock_.steady();
      lock_database();
    }
    resting_ = !follower()->go_on(Follower::Until::kStopped, awake).has_value();
    if (resting_) return true;
  } catch (const Error& error) {
    if (!followed_once_ && !spool_->store().status().trouble) throw;
    failure = error;
    if (follower()->status().gave_up) let_go_ = true;
    note_failure(error);
  }
  {
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    following_ = false;  // the database is let go: who wants us suspended need not wait for the retry
    changed_.notify_all();
  }
  if (failure) wait_to_try_again(*failure);
  return false;
}

void Archiver::wait_to_try_again(const Error& failure) {
  if (events_.warning) events_.warning(fmt::format("{}; trying again", failure.what()));
  {
    std::unique_lock lock(mutex_);
    if (clock_.steady() - round_began_ > kLongestRetry) retry_ = kFirstRetry;
    // A full disk has no room sooner for being tried often.
    if (!disk_is_full_ && spool_->store().status().trouble) retry_ = std::min(retry_, kRetryInTrouble);
    changed_.wait_for(lock, retry_, [this] { return stopping_ || suspended_by_ >= 0; });
    retry_ = std::min(retry_ * 2, kLongestRetry);
  }
  wait_until_taken();
}

// False: stop. Makes the follower of the next round.
bool Archiver::wait_while_suspended() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || suspended_by_ < 0; });
  if (stopping_) return false;
  if (follower_) follower_->abandon();  // it may never have come to run: the file was not there
  follower_ = make_follower();
  following_ = true;
  changed_.notify_all();
  return true;
}

void Archiver::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (follower_) follower_->stop();
  changed_.notify_all();
}

void Archiver::hurry() {
  stop();
  const std::lock_guard lock(mutex_);
  if (follower_) follower_->hurry();
}

bool Archiver::has_let_go() const {
  const std::lock_guard lock(mutex_);
  return stopping_ && (!following_ || follower_->has_let_go());
}

BackupPoint Archiver::backup(const std::optional<std::string>& name) {
  open_spool(kBackupPatience);
  {
    const std::lock_guard lock(mutex_);
    follower_ = make_follower();
    if (stopping_) follower_->stop();
  }
  const bool whole = follower_->run(Follower::Until::kArchived);
  const FollowStatus status = follower_->status();
  if (!whole || status.archived.value == 0) {
    throw Error(ErrorCode::kLocked, "stopped before the backup was complete",
                "run it again: what is there stays");
  }
  if (name) name_point(store_, *name, status.archived, clock_);
  return {status.archived, name};
}

FollowStatus Archiver::status() const {
  const auto current = follower();
  return current ? current->status() : FollowStatus{};
}

Txid Archiver::sync(milliseconds timeout, InTrouble in_trouble) {
  const SteadyTime end = clock_.steady() + timeout;
  while (true) {
    const auto current = follower();
    if (!current) throw Error(ErrorCode::kLocked, "the archiver is just starting", "try again");
    try {
      return sync_with(*current, std::chrono::ceil<milliseconds>(end - clock_.steady()), in_trouble);
    } catch (const Error& error) {
      // Asked of one that the next has replaced before it came to follow anything.
      const std::lock_guard lock(mutex_);
      if (error.code() != ErrorCode::kLocked || stopping_ || follower_ == current || clock_.steady() >= end)
        throw;
    }
  }
}

Txid Archiver::sync_with(Follower& current, milliseconds timeout, InTrouble in_trouble) {
  std::optional<SteadyTime> since;
  const auto hopeless = [&] {
    if (in_trouble == InTrouble::kWait) return false;
    if (!spool_->store().status().trouble)
      since.reset();
    else if (!since)
      since = clock_.steady();
    return since && clock_.steady() - *since >= kTroubleIsLasting;
  };
  try {
    return current.sync(timeout, hopeless);
  } catch (const Error& error) {
    const SpoolStatus spool = spool_->store().status();
    if (spool.trouble) {
      throw Error(ErrorCode::kStoreUnreachable,
                  fmt::format("{}; the archive takes nothing: {}", error.what(), spool.trouble->what()),
                  spool.trouble->hint());
    }
    if (error.code() == ErrorCode::kLocked) throw_if_disk_is_full(current);
    throw;
  }
}

// Where a request failed because that follower ended for want of room: that is the answer.
void Archiver::throw_if_disk_is_full(const Follower& follower) {
  std::unique_lock lock(mutex_);
  const auto over = [&] { return !following_ || follower_.get() != &follower; };
  if (!changed_.wait_for(lock, kFailureFollows, over) || !failure_ || !disk_is_full_) return;
  throw Error(failure_->code(),
              fmt::format("the archiver can't follow the database just now: {}", failure_->what()),
              "df -h " + shell_quoted(options_.follow.database));
}

json Archiver::checkpoint(const json& request) {
  const std::string mode = request.value("mode", "");
  const auto current = follower();
  if (!current) throw Error(ErrorCode::kLocked, "the archiver is just starting", "try again");
  // FULL beyond our mark is a gate: with it the mark moves on.
  const HandoverWish wish = mode == "passive"    ? HandoverWish::kBackfill
                            : mode == "truncate" ? HandoverWish::kTruncate
                                                 : HandoverWish::kGate;
  FollowedCheckpoint done;
  try {
    done = current->checkpoint(wish, timeout_of(request));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kLocked) throw_if_disk_is_full(*current);
    throw;
  }
  const auto wal = [](const FollowedCheckpoint::Wal& state) {
    return json{{"bytes", state.bytes}, {"frames", state.frames}, {"backfilled", state.backfilled}};
  };
  return {{"complete", done.complete},
          {"before", wal(done.before)},
          {"after", wal(done.after)},
          {"longest_gate_ms", done.longest_gate_ms}};
}

json Archiver::answer(const json& request, int connection) {
  const std::string operation = request.value("op", "");
  if (operation == "sync" || operation == "backup") {
    if (request.value("anew", false)) begin_anew();
    const Txid txid = sync(timeout_of(request), operation == "sync" ? InTrouble::kWait : InTrouble::kGiveUp);
    const std::lock_guard stays(retention_->naming());
    if (request.contains("name")) name_point(store_, request["name"].get<std::string>(), txid, clock_);
    return {{"txid", txid.value}};
  }
  if (operation == "prune") return prune(request);
  if (operation == "status") {
    const FollowStatus now = status();
    json answer = spool_status_json(spool_->store().status());
    answer.update(
        {{"captured", now.captured.value}, {"archived", now.archived.value}, {"fence", ownership_.fence()}});
    return answer;
  }
  if (operation == "checkpoint") return checkpoint(request);
  if (operation == "suspend") {
    suspend(connection);
    return {{"suspended", true}};
  }
  if (operation == "resume") {
    resume(connection);
    return {{"resumed", true}};
  }
  throw Error(ErrorCode::kUsage, fmt::format("unknown request '{}'", operation));
}

// The follower that comes next archives the whole database; returns when it has begun.
void Archiver::begin_anew() {
  std::unique_lock lock(mutex_);
  const std::shared_ptr<Follower> before = follower_;
  options_.follow.anew = true;
  if (before) before->stop();
  const auto begun = [&] { return stopping_ || (follower_ != before && following_); };
  if (changed_.wait_for(lock, kSuspendWithin, begun)) return;
  options_.follow.anew = false;
  throw Error(ErrorCode::kLocked, "the archiver did not let go of the database in time", "try again");
}

// Beside the follower, which goes on.
json Archiver::prune(const json& request) {
  const WallTime now{std::chrono::nanoseconds(request.at("now").get<std::int64_t>())};
  return prune_result_json(retention_->prune(parse_keep_rules(request.at("rules")), now));
}

// Archives what is there and closes the database, until that client says so or is gone.
void Archiver::suspend(int connection) {
  std::unique_lock lock(mutex_);
  if (suspended_by_ >= 0)
    throw Error(ErrorCode::kLocked, "another command has suspended the archiver", "try again");
  suspended_by_ = connection;
  if (follower_) follower_->stop();
  if (!changed_.wait_for(lock, kSuspendWithin, [this] { return !following_ || stopping_; })) {
    suspended_by_ = -1;
    throw Error(ErrorCode::kLocked, "the archiver did not let go of the database in time", "try again");
  }
}

void Archiver::resume(int connection) {
  const std::lock_guard lock(mutex_);
  if (suspended_by_ != connection) return;
  suspended_by_ = -1;
  changed_.notify_all();
}

}  // namespace litewright
