#include "serve/file_looks.h"

#include <algorithm>
#include <array>

#include "check/thresholds.h"
#include "operate/file_figures.h"

namespace litewright {
namespace {

constexpr std::chrono::minutes kBetweenTrends{10};  // a sample is written hourly

// The thresholds whose figures stat(2) tells.
constexpr std::array<std::string_view, 8> kThresholds = {
    "size", "size-min", "wal", "free-disk", "disk-used", "disk-full-in", "clock-ahead", "backup-age"};

}  // namespace

bool FileLooks::tells(std::string_view finding_id) {
  return std::ranges::any_of(kThresholds, [&](std::string_view name) {
    const ThresholdRule* rule = find_threshold(name);
    return rule != nullptr && rule->id == finding_id;
  });
}

FileLooks::FileLooks(StatusBoard& board, const Clock& clock, std::string state_folder)
    : board_(board), clock_(clock), state_folder_(std::move(state_folder)) {}

FileLooks::~FileLooks() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void FileLooks::join(const Member& member) {
  const std::lock_guard lock(mutex_);
  members_[member.name] = member;
  joined_ = true;
  changed_.notify_all();
}

void FileLooks::leave(const std::string& name) {
  const std::lock_guard lock(mutex_);
  members_.erase(name);
}

void FileLooks::look_every(std::chrono::milliseconds interval) {
  const std::lock_guard lock(mutex_);
  interval_ = interval;
  changed_.notify_all();
}

void FileLooks::begin() {
  thread_ = std::thread([this] { run(); });
}

void FileLooks::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    joined_ = false;
    lock.unlock();
    look();
    lock.lock();
    changed_.wait_for(lock, interval_, [this] { return stopping_ || joined_; });
  }
}

void FileLooks::look() {
  std::map<std::string, Member> members;
  {
    const std::lock_guard lock(mutex_);
    members = members_;
  }
  std::erase_if(trends_, [&members](const auto& trend) { return !members.contains(trend.first); });
  for (const auto& [name, member] : members) look_at(member, trends_[name]);
}

void FileLooks::look_at(const Member& member, Trend& trend) {
  const auto known = board_.find(member.name);
  if (!known) return;
  const FileFigures files = look_at_files(member.path);
  const WallTime now = clock_.wall();
  board_.update(member.name, [&](DatabaseStatus& status) {
    status.exists = files.exists;
    status.writable = files.writable;
    status.database_bytes = files.database_bytes;
    status.wal_bytes = files.wal_bytes;
    status.disk_free_bytes = files.disk.free;
    status.disk_bytes = files.disk.all;
    status.looked_at = now;
  });
  MeasuredFigures figures = measured(files, now);
  const bool behind = known->guard != GuardState::kFollowing || known->captured > known->archived;
  if (known->archived_at)
    figures["backup-age"] = behind ? backup_age(*known->archived_at, files.written, now) : 0;
  if (trend.asked_at == SteadyTime{} || clock_.steady() - trend.asked_at > kBetweenTrends) {
    trend = {disk_trend(state_folder_, member.path, files.disk, now), clock_.steady()};
  }
  if (trend.seconds_until_full) figures["disk-full-in"] = *trend.seconds_until_full;
  std::vector<Finding> findings = judge(figures, member.settings->thresholds, member.path);
  if (!files.exists) {
    findings.push_back({.id = "database.missing",
                        .severity = Severity::kCritical,
                        .database = member.path,
                        .meaning = "there is no such file",
                        .remedy = "litewright restore " + member.path});
  }
  board_.set_findings(member.name, FindingSource::kLook, std::move(findings));
}

}  // namespace litewright
