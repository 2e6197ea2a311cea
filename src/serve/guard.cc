#include "serve/guard.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "archive/catalogue.h"
#include "base/error.h"
#include "base/shell_words.h"
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
constexpr int kBeginAtATime = 8;
constexpr int kRetentionAtATime = 2;

ArchiverOptions archiver_options(const GuardOptions& guard, GuardCommons& commons, int reported_pid) {
  ArchiverOptions options;
  options.follow.database = guard.path;
  options.follow.state_folder = guard.state_folder;
  options.follow.wal_limit_bytes = guard.wal_limit_bytes;
  options.follow.wal_ceiling_bytes = guard.wal_ceiling_bytes;
  options.spool_bytes = guard.spool_bytes;
  options.reported_pid = reported_pid;
  if (!guard.keep.empty()) options.retention.rules = guard.keep;
  options.retention.turns = &commons.retention;
  options.rest = &commons.rest;
  options.desk = &commons.desk;
  options.follow_locks = commons.follow_locks;
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

GuardCommons::GuardCommons(const std::string& state_folder)
    : desk(state_folder),
      follow_locks(std::make_shared<FollowLockFile>(state_folder)),
      beginnings(kBeginAtATime),
      retention(kRetentionAtATime) {}

// From the first look at the file to the end of its archiver.
struct Guard::Stay {
  Stay(const GuardOptions& options, const GuardSurroundings& around)
      : claim(around.files, options.path), gate(around.gates) {}
  GuardedFiles::Claim claim;
  std::unique_ptr<ObjectStore> store;
  OpenGates::Gate gate;
  std::optional<Archiver> archiver;
};

Guard::Guard(GuardOptions options, const GuardSurroundings& surroundings)
    : options_(std::move(options)), around_(surroundings), pause_(kFirstPause) {
  around_.board.join(options_.name, [this](DatabaseStatus& status) {
    status.path = options_.path;
    status.archive = options_.archive;
    status.guard = GuardState::kStarting;
    status.trouble.clear();
  });
  lane_ = std::make_unique<ArchiverLane>(
      around_.commons.rest,
      ArchiverLane::Options{.works = [this] { around_.commons.worked.note(options_.name); },
                            .make = [this](ArchiverLane& lane) { return make(lane); },
                            .failed = [this](const Error& error) { return pause_after(error); },
                            .over =
                                [this] {
                                  state(GuardState::kStopped);
                                  left_ = true;
                                  around_.commons.somebody_left = true;
                                },
                            .beginnings = &around_.commons.beginnings});
}

Guard::~Guard() { lane_.reset(); }

void Guard::stop() { lane_->stop(); }

void Guard::hurry() {
  lane_->stop();
  lane_->hurry();
}

// Throws what is in the way at its beginning.
std::shared_ptr<Archiver> Guard::make(ArchiverLane& lane) {
  began_ = around_.clock.steady();
  const auto stay = std::make_shared<Stay>(options_, around_);
  require_followable(options_.path);
  stay->store = open_store(options_.archive);
  ArchiverOptions options = archiver_options(options_, around_.commons, around_.reported_pid);
  options.retention.seen = [this](const Catalogue& catalogue) { take_proof(catalogue); };
  stay->archiver.emplace(*stay->store, around_.clock, std::move(options), events(lane, stay->gate));
  return {stay, &*stay->archiver};
}

FollowEvents Guard::events(ArchiverLane& lane, OpenGates::Gate& gate) {
  FollowEvents events;
  events.following = [this, &lane](Txid txid, bool reconciled) {
    lane.begun();
    follows(txid, reconciled);
  };
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

// Longer each time; said once as long as it is the same.
milliseconds Guard::pause_after(const Error& error) {
  if (around_.clock.steady() - began_ > kLongestPause) pause_ = kFirstPause;
  const std::string trouble =
      error.hint().empty() ? error.what() : fmt::format("{} ({})", error.what(), error.hint());
  const auto known = around_.board.find(options_.name);
  const bool said = known && known->guard == GuardState::kWaiting && known->trouble == trouble;
  if (!said) {
    state(GuardState::kWaiting, trouble);
    tell({.id = kWaiting,
          .severity = Severity::kCritical,
          .database = options_.path,
          .meaning = "the database is not guarded, and what is committed is not archived: " + trouble,
          .remedy = "litewright check " + shell_quoted(options_.path)});
  }
  const bool missing = error.code() == ErrorCode::kNoDatabase;
  return std::exchange(pause_, std::min(pause_ * 2, missing ? kLongestWhileMissing : kLongestPause));
}

// The archive knows proofs of before this daemon, and those that a person made meanwhile.
void Guard::take_proof(const Catalogue& catalogue) {
  around_.board.update(options_.name, [&catalogue](DatabaseStatus& status) {
    if (catalogue.identity) status.archive_began = catalogue.identity->created;
    const RestoreProof* proof = catalogue.newest_proof();
    if (proof != nullptr && status.proven_at.value_or(WallTime{}) < proof->proven_at)
      status.proven_at = proof->proven_at;
  });
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
  if (const auto archiver = lane_->archiver()) publish(archiver->status());
}

void Guard::publish(const FollowStatus& now) {
  if (now.capture.commits < commits_last_) commits_before_ += commits_last_;
  commits_last_ = now.capture.commits;
  const Published figures{now.captured, now.archived, commits_before_ + commits_last_, now.handover.gates,
                          now.handover.gates_failed};
  if (published_ == figures) return;  // most of a thousand, each second
  published_ = figures;
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
