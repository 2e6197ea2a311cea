#include "serve/guard.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "archive/archiver.h"
#include "base/error.h"
#include "base/time_text.h"
#include "operate/followable.h"
#include "store/open_store.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{250};
constexpr milliseconds kLongestPause{30'000};
constexpr milliseconds kLongestWhileMissing{2'000};  // looking for a file costs nothing

constexpr const char* kWaiting = "guard.waiting";

ArchiverOptions archiver_options(const GuardOptions& guard, int reported_pid) {
  ArchiverOptions options;
  options.follow.database = guard.path;
  options.follow.state_folder = guard.state_folder;
  options.follow.wal_limit_bytes = guard.wal_limit_bytes;
  options.follow.wal_ceiling_bytes = guard.wal_ceiling_bytes;
  options.spool_bytes = guard.spool_bytes;
  options.reported_pid = reported_pid;
  if (!guard.keep.empty()) options.retention.rules = guard.keep;
  return options;
}

}  // namespace

GuardedFiles::Claim::Claim(GuardedFiles& files, const std::string& path) : files_(files) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) throw error_from_errno(errno, "look at " + path);
  file_ = {status.st_dev, status.st_ino};
  const std::lock_guard lock(files_.mutex_);
  if (files_.open_.insert(file_).second) return;
  throw Error(ErrorCode::kLocked, path + " is a file that is guarded already, under another name",
              "name it once in litewright.toml");
}

GuardedFiles::Claim::~Claim() {
  const std::lock_guard lock(files_.mutex_);
  files_.open_.erase(file_);
}

Guard::Guard(GuardOptions options, const GuardSurroundings& surroundings)
    : options_(std::move(options)), around_(surroundings) {
  around_.board.join(options_.name, [this](DatabaseStatus& status) {
    status.path = options_.path;
    status.archive = options_.archive;
    status.guard = GuardState::kStarting;
    status.trouble.clear();
  });
  thread_ = std::thread([this] { run(); });
}

Guard::~Guard() {
  stop();
  thread_.join();
}

void Guard::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (archiver_ != nullptr) archiver_->stop();
  changed_.notify_all();
}

void Guard::hurry() {
  const std::lock_guard lock(mutex_);
  stopping_ = hurried_ = true;
  if (archiver_ != nullptr) archiver_->hurry();
  changed_.notify_all();
}

void Guard::run() {
  milliseconds pause = kFirstPause;
  while (true) {
    const SteadyTime began = around_.clock.steady();
    try {
      follow();
      break;
    } catch (const Error& error) {
      if (around_.clock.steady() - began > kLongestPause) pause = kFirstPause;
      wait_after(error, pause);
    } catch (const std::exception& error) {
      wait_after(Error(ErrorCode::kInternal, error.what()), pause);
    }
    const std::lock_guard lock(mutex_);
    if (stopping_) break;
  }
  state(GuardState::kStopped);
  left_ = true;
}

// Until stop(). Throws what is in the way at its beginning.
void Guard::follow() {
  const GuardedFiles::Claim claim(around_.files, options_.path);
  require_followable(options_.path);
  const auto store = open_store(options_.archive);
  OpenGates::Gate gate(around_.gates);
  Archiver archiver(*store, around_.clock, archiver_options(options_, around_.reported_pid), events(gate));
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    archiver_ = &archiver;
  }
  const auto let_go = [this] {
    const std::lock_guard lock(mutex_);
    archiver_ = nullptr;
  };
  try {
    archiver.protect();
  } catch (...) {
    let_go();
    throw;
  }
  let_go();
  publish(archiver.status());
}

FollowEvents Guard::events(OpenGates::Gate& gate) {
  FollowEvents events;
  events.following = [this](Txid txid, bool reconciled) { follows(txid, reconciled); };
  events.stored = [this](Txid txid, std::uint64_t bytes) {
    stored_bytes_ += bytes;
    around_.board.update(options_.name, [&](DatabaseStatus& status) {
      status.archived = std::max(status.archived, txid);
      status.captured = std::max(status.captured, txid);
      status.archived_at = around_.clock.wall();
      status.archived_bytes = stored_bytes_;
    });
  };
  events.warning = [this](const std::string& text) {
    state(GuardState::kWaiting, text);
    around_.log(
        {.event = "warning", .severity = Severity::kWarning, .database = options_.name, .text = text});
  };
  events.finding = [this](const Finding& finding) { tell(finding); };
  events.gate = [&gate](bool inside) { gate.enter_or_leave(inside); };
  events.database_open = [&gate](bool open) { gate.open_or_close_database(open); };
  return events;
}

void Guard::follows(Txid txid, bool reconciled) {
  around_.board.update(options_.name, [&](DatabaseStatus& status) {
    status.guard = GuardState::kFollowing;
    status.trouble.clear();
    status.captured = status.archived = txid;
    status.archived_at = around_.clock.wall();  // what is there now is archived
  });
  tell({.id = kWaiting, .meaning = "the database is guarded again"});
  around_.log({.event = "following",
               .severity = Severity::kOk,
               .database = options_.name,
               .text = fmt::format("following from commit {} on{}; archive: {}", txid.value,
                                   reconciled ? " (what changed meanwhile is archived as one commit)" : "",
                                   options_.archive),
               .fields = {{"txid", txid.value}, {"reconciled", reconciled}, {"archive", options_.archive}}});
}

// More slowly each time; said once as long as it is the same.
void Guard::wait_after(const Error& error, milliseconds& pause) {
  const std::string trouble =
      error.hint().empty() ? error.what() : fmt::format("{} ({})", error.what(), error.hint());
  const auto known = around_.board.find(options_.name);
  const bool said = known && known->guard == GuardState::kWaiting && known->trouble == trouble;
  std::unique_lock lock(mutex_);
  if (stopping_) return;
  lock.unlock();
  if (!said) {
    state(GuardState::kWaiting, trouble);
    tell({.id = kWaiting,
          .severity = Severity::kCritical,
          .database = options_.path,
          .meaning = "the database is not guarded, and what is committed is not archived: " + trouble,
          .remedy = "litewright check " + options_.path});
  }
  lock.lock();
  changed_.wait_for(lock, pause, [this] { return stopping_; });
  const bool missing = error.code() == ErrorCode::kNoDatabase;
  pause = std::min(pause * 2, missing ? kLongestWhileMissing : kLongestPause);
}

void Guard::state(GuardState state, const std::string& trouble) {
  around_.board.update(options_.name, [&](DatabaseStatus& status) {
    status.guard = state;
    status.trouble = trouble;
  });
}

void Guard::tell(const Finding& finding) {
  around_.board.tell(options_.name, FindingSource::kGuard, finding);
}

void Guard::publish() {
  const std::lock_guard lock(mutex_);
  if (archiver_ != nullptr) publish(archiver_->status());
}

void Guard::publish(const FollowStatus& now) {
  if (now.capture.commits < commits_last_) commits_before_ += commits_last_;
  commits_last_ = now.capture.commits;
  around_.board.update(options_.name, [&](DatabaseStatus& status) {
    status.captured = std::max(status.captured, now.captured);
    status.archived = std::max(status.archived, now.archived);
    status.commits = commits_before_ + commits_last_;
    status.gates = now.handover.gates;
    status.gates_failed = now.handover.gates_failed;
    status.longest_gate_seconds = std::max(status.longest_gate_seconds, now.longest_gate_ms / 1000);
  });
}

}  // namespace litewright
