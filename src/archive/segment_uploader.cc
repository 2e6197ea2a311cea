#include "archive/segment_uploader.h"

#include <algorithm>
#include <utility>

namespace litewright {
namespace {

constexpr std::chrono::milliseconds kFirstRetry{200};
constexpr std::chrono::milliseconds kLongestRetry{10'000};
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

SegmentUploader::SegmentUploader(ObjectStore& store, Txid archived, Events events)
    : store_(store), events_(std::move(events)), archived_(archived), thread_([this] { run(); }) {}

SegmentUploader::~SegmentUploader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool SegmentUploader::has_room() const {
  const std::lock_guard lock(mutex_);
  return queue_.size() < kMaxQueued;
}

bool SegmentUploader::idle() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty() && !busy_;
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
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return broken_ || (queue_.empty() && !busy_); }) && !broken_;
}

void SegmentUploader::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || (!queue_.empty() && !broken_); });
    if (stopping_) return;
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
    {
      const std::lock_guard lock(mutex_);
      archived_ = part.header.last;
    }
    events_.stored(part.header.last, bytes);
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
      {
        const std::lock_guard lock(mutex_);
        archived_ = part.header.last;
      }
      events_.stored(part.header.last, bytes);
      return;
    } catch (const Error& error) {
      // An object of that name is another archiver's: this one is no longer the owner.
      if (error.code() == ErrorCode::kLocked) throw;
      events_.failed(error);
    }
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, retry, [&] { return stopping_; })) return;
    retry = std::min(retry * 2, kLongestRetry);
  }
}

}  // namespace litewright
