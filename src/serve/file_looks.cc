#include "serve/file_looks.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/shell_words.h"
#include "check/thresholds.h"
#include "operate/file_figures.h"

namespace litewright {
namespace {

constexpr std::chrono::minutes kBetweenTrends{10};  // a sample is written hourly
constexpr std::chrono::minutes kLongestUnnoted{1};
constexpr std::uint64_t kNotedDiskBytes = 64 << 20;

// The thresholds whose figures stat(2) tells.
constexpr std::array<std::string_view, 8> kThresholds = {
    "size", "size-min", "wal", "free-disk", "disk-used", "disk-full-in", "clock-ahead", "backup-age"};

// A file that can't be looked at is not one that is to be restored.
std::optional<Finding> absence(const FileFigures& files, const std::string& path) {
  if (files.exists) return std::nullopt;
  const bool hidden = files.error_number != 0;
  return Finding{
      .id = hidden ? "database.unreachable" : "database.missing",
      .severity = Severity::kCritical,
      .database = path,
      .meaning = hidden ? "it can't be looked at: " + std::generic_category().message(files.error_number)
                        : "there is no such file",
      .remedy = (hidden ? "namei -l " : "litewright restore ") + shell_quoted(path)};
}

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
  news_[member.name] = member;
  joined_ = true;
  changed_.notify_all();
}

void FileLooks::leave(const std::string& name) {
  const std::lock_guard lock(mutex_);
  news_[name] = std::nullopt;
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

void FileLooks::take_news() {
  const std::lock_guard lock(mutex_);
  for (auto& [name, member] : std::exchange(news_, {})) {
    if (member) {
      looked_[name] = {.member = std::move(*member)};
    } else {
      looked_.erase(name);
    }
  }
}

void FileLooks::look() {
  take_news();
  for (auto& [name, looked] : looked_) look_at(looked);
}

// A board of a thousand whose files are as they were is not written anew every few seconds.
void FileLooks::note(Looked& looked, const FileFigures& files, WallTime now) {
  const auto tell = [](const FileFigures& of) {
    const std::uint64_t step = std::clamp<std::uint64_t>(of.disk.all / 100, 1, kNotedDiskBytes);
    return std::tuple(of.exists, of.error_number, of.unwritable, of.database_bytes, of.wal_bytes, of.disk.all,
                      of.disk.free / step);
  };
  const bool recently = looked.noted_at && clock_.steady() - *looked.noted_at < kLongestUnnoted;
  if (recently && tell(files) == tell(looked.noted)) return;
  looked.noted = files;
  looked.noted_at = clock_.steady();
  board_.update(looked.member.name, [&](DatabaseStatus& status) {
    status.writable = files.writable;
    status.unwritable = files.unwritable;
    status.disk_free_bytes = files.disk.free;
    status.disk_bytes = files.disk.all;
    status.looked_at = now;
    if (files.error_number != 0) return;  // the rest as it was known last
    status.exists = files.exists;
    status.database_bytes = files.database_bytes;
    status.wal_bytes = files.wal_bytes;
  });
}

void FileLooks::look_at(Looked& looked) {
  const Member& member = looked.member;
  Trend& trend = looked.trend;
  const auto known = board_.find(member.name);
  if (!known) return;
  const FileFigures files = look_at_files(member.path);
  const WallTime now = clock_.wall();
  note(looked, files, now);
  MeasuredFigures figures = measured(files, now);
  const bool behind = known->guard != GuardState::kFollowing || known->captured > known->archived;
  if (known->archived_at)
    figures["backup-age"] = behind ? backup_age(*known->archived_at, files.written, now) : 0;
  if (trend.asked_at == SteadyTime{} || clock_.steady() - trend.asked_at > kBetweenTrends) {
    trend = {disk_trend(state_folder_, member.path, files.disk, now), clock_.steady()};
  }
  if (trend.seconds_until_full) figures["disk-full-in"] = *trend.seconds_until_full;
  std::vector<Finding> findings = judge(figures, member.settings->thresholds, member.path);
  if (auto absent = absence(files, member.path)) findings.push_back(std::move(*absent));
  const bool nothing_new = findings.empty() && !looked.found_something;
  looked.found_something = !findings.empty();
  if (!nothing_new) board_.set_findings(member.name, FindingSource::kLook, std::move(findings));
}

}  // namespace litewright
