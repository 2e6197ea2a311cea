#include "archive/segment_uploader.h"

#include <algorithm>
#include <utility>

namespace litewright {
namespace {

constexpr std::chrono::milliseconds kFirstRetry{200};
constexpr std::chrono::milliseconds kLongestRetry{10'000};
constexpr std::chrono::milliseconds kDrainLook{50};
constexpr std::chrono::milliseconds kThreadStays{1'000};  // with nothing to do
constexpr int kFollowLevel = 1;
constexpr int kScanLevel = 2;
constexpr int kScanThreads = 2;

SegmentWriterOptions writer_options(const SegmentPart& part) {
  // A segment of several parts is a scan or a large transaction: worth both cores and a better ratio.
  SegmentWriterOptions options;
  options.header = part.header;
  options.zstd_level = part.last ? kFollowLevel : kScanLevel;
  options.threads = part.last ? 1 : kScanThreads;
  return options;
}

}  // namespace

SegmentUploader::SegmentUploader(ObjectStore& store, Txid kept, Events events, SpoolingStore* spool)
    : store_(store),
      events_(std::move(events)),
      spool_(spool),
      archived_(spool == nullptr ? kept : Txid(0)),
      finished_(kept) {
  if (spool_ == nullptr) return;
  spool_->interrupt(false);
  spool_->listen([this](std::string_view name, std::uint64_t bytes) {
    if (const auto range = parse_segment_name(name)) note_archived(range->second, bytes);
  });
  const std::vector<ObjectInfo> waiting = spool_->waiting();
  const auto first = waiting.empty() ? std::nullopt : parse_segment_name(waiting.front().name);
  const std::lock_guard lock(mutex_);
  archived_ = std::max(archived_, first ? first->first : kept);
}

SegmentUploader::~SegmentUploader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (spool_ != nullptr) spool_->interrupt(true);
  thread_.join();
  if (spool_ != nullptr) spool_->listen(nullptr);
}

bool SegmentUploader::has_room() const {
  const std::lock_guard lock(mutex_);
  return queue_.size() < kMaxQueued;
}

bool SegmentUploader::idle() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty() && !busy_;
}

void SegmentUploader::give_back_memory() {
  const std::lock_guard lock(mutex_);
  empty_.clear();
  empty_.shrink_to_fit();
}

std::unique_ptr<SegmentPart> SegmentUploader::take_empty() {
  const std::lock_guard lock(mutex_);
  if (empty_.empty()) return std::make_unique<SegmentPart>();
  std::unique_ptr<SegmentPart> part = std::move(empty_.back());
  empty_.pop_back();
  return part;
}

void SegmentUploader::submit(std::unique_ptr<SegmentPart> part) {
  {
    const std::lock_guard lock(mutex_);
    if (broken_) throw Error(*broken_);
    thread_.begin([this] { run(); });
    queue_.push_back(std::move(part));
  }
  changed_.notify_all();
}

void SegmentUploader::check() const {
  const std::lock_guard lock(mutex_);
  if (broken_) throw Error(*broken_);
}

bool SegmentUploader::is_broken() const {
  const std::lock_guard lock(mutex_);
  return broken_.has_value();
}

Txid SegmentUploader::archived() const {
  const std::lock_guard lock(mutex_);
  return archived_;
}

bool SegmentUploader::wait_archived(Txid txid, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return archived_ >= txid; });
}

bool SegmentUploader::drain(std::chrono::milliseconds timeout) const {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(mutex_);
  const auto over = [&] { return broken_ || (queue_.empty() && !busy_ && archived_ >= finished_); };
  while (!changed_.wait_for(lock, kDrainLook, over)) {
    if (waits_in_spool_locked() || std::chrono::steady_clock::now() >= deadline) return false;
  }
  return !broken_;
}

bool SegmentUploader::waits_in_spool_locked() const {
  return queue_.empty() && !busy_ && spool_ != nullptr && spool_->status().trouble.has_value();
}

bool SegmentUploader::waits_in_spool() const {
  const std::lock_guard lock(mutex_);
  return waits_in_spool_locked();
}

std::size_t SegmentUploader::spooled() const { return spool_ == nullptr ? 0 : spool_->waiting_count(); }

// What goes through a spool is archived when the spool says so.
void SegmentUploader::note_finished(Txid last, std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    finished_ = last;
  }
  if (spool_ == nullptr) note_archived(last, bytes);
}

void SegmentUploader::note_archived(Txid last, std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    archived_ = std::max(archived_, last);
  }
  changed_.notify_all();
  events_.stored(last, bytes);
}

void SegmentUploader::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto due = [&] { return stopping_ || (!queue_.empty() && !broken_); };
    const bool any = changed_.wait_for(lock, kThreadStays, due);
    if (!any || stopping_) return thread_.ended();
    std::unique_ptr<SegmentPart> part = std::move(queue_.front());
    queue_.pop_front();
    busy_ = true;
    lock.unlock();
    std::optional<Error> failure;
    try {
      store_part(*part);
    } catch (const Error& error) {
      failure = error;
    }
    part->batch.clear();
    lock.lock();
    busy_ = false;
    if (failure && !stopping_) broken_ = failure;
    if (empty_.size() < kMaxQueued + 1) empty_.push_back(std::move(part));
    changed_.notify_all();
  }
}

void SegmentUploader::store_part(SegmentPart& part) {
  if (part.last && !writer_) return put_whole(part);
  // Parts that are gone can't be put again: a failure here ends the segment, and the database is scanned
  // anew.
  try {
    if (!writer_) writer_ = std::make_unique<SegmentWriter>(store_, writer_options(part));
    part.batch.versions.write_to(*writer_);
    open_commits_.insert(open_commits_.end(), part.batch.commits.begin(), part.batch.commits.end());
    if (!part.last) return;
    const std::uint64_t bytes = writer_->finish(open_commits_, part.position);
    writer_.reset();
    open_commits_.clear();
    note_finished(part.header.last, bytes);
  } catch (const Error&) {
    writer_.reset();
    open_commits_.clear();
    throw;
  }
}

// One that is whole in memory is put again until the store takes it; "archived" is never said before
// (DESIGN.md).
void SegmentUploader::put_whole(SegmentPart& part) {
  std::chrono::milliseconds retry = kFirstRetry;
  while (true) {
    try {
      SegmentWriter writer(store_, writer_options(part));
      part.batch.versions.write_to(writer);
      const std::uint64_t bytes = writer.finish(part.batch.commits, part.position);
      note_finished(part.header.last, bytes);
      return;
    } catch (const Error& error) {
      // An object of that name is another archiver's: this one is no longer the owner.
      if (error.code() == ErrorCode::kLocked) throw;
      if (spool_ == nullptr) events_.failed(error);  // a spool says it itself
    }
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    if (changed_.wait_for(lock, retry, [&] { return stopping_; })) return;
    retry = std::min(retry * 2, kLongestRetry);
  }
}

}  // namespace litewright
